import sys

from pk import model
from pk.model import Model

print(Model().describe.__annotations__, [name for name in ("torch", "pk.training") if name in sys.modules])
print(model.typing_only())
