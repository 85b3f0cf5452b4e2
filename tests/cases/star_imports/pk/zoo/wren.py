SOUND = "tik"
