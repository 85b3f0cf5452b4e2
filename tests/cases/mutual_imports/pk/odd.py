import pk.even


def is_odd(n):
    return n != 0 and pk.even.is_even(n - 1)
