import pk
import pk.space.tools
from pk.space import other
from pk.space.deep import leaf
import pk.void

print(pk.space.tools.NAME, other.NAME, leaf.NAME)
print(pk.__file__, pk.space.__file__, type(pk.__path__).__name__, list(vars(pk.void)).count("__file__"))
