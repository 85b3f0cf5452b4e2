名 = "tori"
