from typing import get_type_hints

from pk.shapes import Batch, Loader, collate

print(get_type_hints(Batch))
print(get_type_hints(Loader.load))
print(get_type_hints(collate))
print(Batch.__annotations__)
