TOTAL = 1 + \
    2 + \
    3
TEXT = "a \
b"
if TOTAL \
   and TEXT:
    pass
