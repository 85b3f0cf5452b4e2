NAME = "theta"
