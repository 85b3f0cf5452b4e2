import sys

from pk.lazy import Model, run

print("pk.heavy" in sys.modules, "pk.lighter" in sys.modules)
print(run(), run())
print("pk.heavy" in sys.modules, "pk.never" in sys.modules)
print(Model().predict())
