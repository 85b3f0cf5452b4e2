from pk import compat, flags

print(compat.toml.__name__, compat.NAME, compat.Literal)
print(flags.HAVE, flags.is_available(), flags.use(), flags.nncf)
