SOUND = "hoo"
