NAME = "zeta"
