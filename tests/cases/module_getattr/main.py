import pk
from pk import old_name, settings

print(old_name, pk.lazy.NAME, settings.epochs, dir(settings), pk.eager)
try:
    pk.unknown
except AttributeError as error:
    print(error)
from pk import lazier

print(lazier.NAME)
