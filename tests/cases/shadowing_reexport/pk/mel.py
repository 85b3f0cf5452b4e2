import math


def mel(hertz):
    return round(2595 * math.log10(1 + hertz / 700), 3)
