from pk import bom, bom_only, comment, continued, cookie, crlf, dots, latin, mac, mixed, no_newline, tabs, tail

print(bom.TEXT, bom_only.__doc__, comment.__doc__, cookie.TEXT, latin.TEXT, no_newline.LAST)
print(repr(crlf.TEXT), repr(mixed.TEXT), mac.A + mac.B, tabs.nested(3), continued.TOTAL, continued.TEXT)
print(dots.VALUE, repr(tail.TEXT))
