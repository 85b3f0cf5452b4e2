from pk import counter, watcher
from pk.counter import COUNT, LOG, increase

increase()
increase()
print(COUNT, counter.COUNT, LOG is counter.LOG, LOG)
print(watcher.live(), watcher.snapshot())
counter.COUNT = 100
increase()
print(counter.COUNT, watcher.live(), watcher.snapshot(), counter.peek())
