SOUND = "kraa"
