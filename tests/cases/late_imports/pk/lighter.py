print("lighter is loaded")
THRESHOLD = 0.5
