import logging
import random
import types

from pk import json, random as own_random
from pk.io import read
from pk.types import Bird

print(random.Random(0).random() == own_random.draw(0), json.dumps({"a": 1}), read())
print(logging.__name__, types.__name__, Bird.__module__)
