NAME = "eta"
