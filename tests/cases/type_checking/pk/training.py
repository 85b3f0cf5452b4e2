raise RuntimeError("only type checkers import this")
