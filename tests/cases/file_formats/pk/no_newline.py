FIRST = 1
LAST = "the last line"