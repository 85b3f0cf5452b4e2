...
VALUE = 1
TEXT = '''
... kept
>>> kept
'''
VALUE += len(TEXT)
