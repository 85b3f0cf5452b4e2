from .tool import say

say("__main__ of the package")
