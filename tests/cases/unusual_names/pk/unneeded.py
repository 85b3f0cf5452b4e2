raise RuntimeError("nobody imports this module")
