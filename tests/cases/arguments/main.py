import sys

from pk.cli import parse

print(parse(), parse(["--epochs", "3"]), sys.argv[1:])
