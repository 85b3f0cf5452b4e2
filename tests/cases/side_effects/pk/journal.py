print("journal")
ENTRIES = []
note = ENTRIES.append
