def now():
    return "real"
