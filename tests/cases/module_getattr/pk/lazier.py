NAME = "lazier"
