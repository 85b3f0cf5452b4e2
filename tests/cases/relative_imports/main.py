import pk.deep.deeper.leaf as leaf
from pk import deep, names
from pk.deep import twin as other

print(leaf.report())
print(names, deep.count(3), other.WHO, deep.other_twin is other)
