import inspect
import linecache
import os
import sys
import traceback

import pk.faulty
from pk.faulty import Chain, outer

print(inspect.getsource(outer))
print(inspect.getsource(Chain))
print(inspect.getsourcelines(Chain.first)[1], os.path.basename(inspect.getsourcefile(outer)))
print(inspect.getdoc(pk.faulty), inspect.getcomments(outer))
try:
    outer(0)
except ZeroDivisionError:
    for frame in traceback.extract_tb(sys.exc_info()[2])[1:]:
        print(os.path.basename(frame.filename), frame.lineno, frame.name, frame.line)
print(linecache.getline(pk.faulty.__file__, 3).rstrip(), os.path.basename(pk.faulty.__file__))
print(os.path.relpath(pk.faulty.__file__, os.path.dirname(os.path.dirname(pk.__file__))))
