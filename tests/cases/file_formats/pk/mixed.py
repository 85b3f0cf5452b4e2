TEXT = """a
b
cd"""
