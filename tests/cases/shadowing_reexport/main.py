import sys

import pk
from pk import mel
from pk.mel import mel as again

print(callable(mel), mel is again is pk.mel, type(sys.modules["pk.mel"]).__name__)
print(mel(440))
import pk.mel as bound

print(bound is mel)
