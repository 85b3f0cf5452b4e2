print("main starts")
import pk.second
import pk.first
from pk import second
from pk.journal import ENTRIES

print(ENTRIES)
import importlib

importlib.reload(pk.first)
print(ENTRIES, pk.first.TIMES)
