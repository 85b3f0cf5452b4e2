import pk.paths
from pk.paths import describe

print(describe())
