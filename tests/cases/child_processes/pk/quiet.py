TEXT = "imported by a child"
