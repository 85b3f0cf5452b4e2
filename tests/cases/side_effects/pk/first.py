from .journal import note

print("first")
note("first")
TIMES = globals().get("TIMES", 0) + 1
