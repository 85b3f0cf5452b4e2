TEXT = "many newlines follow"



