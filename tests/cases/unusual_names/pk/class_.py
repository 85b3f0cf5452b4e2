def match(case):
    match case:
        case 1:
            return "one"
