import json


def public():
    return json.dumps(_private())


def _private():
    return ["public"]
