"""With a BOM."""
TEXT = "größe"
