from pk.registry import MODELS, build
import pk.models

print(list(MODELS))
print(build("rexnet", depth=3))
