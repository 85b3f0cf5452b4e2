print("extra is imported by the star")
