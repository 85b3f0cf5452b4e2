print("never is loaded")
