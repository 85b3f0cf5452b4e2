import logging


def getLogger():
    return logging.getLogger("own").name
