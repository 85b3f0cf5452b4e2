print("second begins")
from . import first
from .journal import note

note("second")
print("second ends")
