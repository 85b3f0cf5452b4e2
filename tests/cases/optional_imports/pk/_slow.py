def fast():
    return "slow"
