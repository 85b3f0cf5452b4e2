WERT = "groß"
