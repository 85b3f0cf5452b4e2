print("pk")
from .journal import note

note("pk")
