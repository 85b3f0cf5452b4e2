from pk import _private, größe, x2_y3, 鳥
from pk._private import __version__ as version
from pk.class_ import match as fits

print(_private.VALUE, größe.WERT, x2_y3.X, 鳥.名, version, fits(1))
