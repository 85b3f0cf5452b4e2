from . import audio as sound
from . import loss


def total(audio):
    loss_value = loss.loss(audio)
    return loss_value * sound.RATE


def describe(loss):
    audio = f"{loss} beside the module"
    return audio
