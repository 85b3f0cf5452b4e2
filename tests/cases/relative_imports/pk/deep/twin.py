WHO = "deep twin"
