import logging
import sys

logging.basicConfig(stream=sys.stdout, format="%(name)s %(levelname)s %(module)s.%(funcName)s:%(lineno)d %(message)s")
import pk.train
import pk.train.loop as loop

print(loop.__name__, loop.__package__, loop.__spec__.name, pk.train.__name__, pk.train.__package__)
print(loop.Loop.__module__, loop.Loop.__qualname__, loop.step.__module__, repr(loop.Loop), loop.Loop.Inner)
print(loop.logger.name, loop.logger.parent.name)
loop.step()
print(sys.modules["pk.train.loop"] is loop, loop.own() is loop)
print(__name__)


class Here: ...


print(Here.__module__)
