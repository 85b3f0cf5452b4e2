from pk import plain, postponed

print(plain.gain.__annotations__)
print(postponed.gain.__annotations__)


def own(x: int) -> float: ...


print(own.__annotations__)
