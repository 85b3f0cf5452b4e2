from pk.open import *
from pk.closed import *
from pk.zoo import *
from pk import *

print(public(), chosen(), _exported_underscore)
print("hidden" in globals(), "_private" in globals(), "json" in globals())
print(owl.SOUND, wren.SOUND, "crow" in globals())
print(answer)
