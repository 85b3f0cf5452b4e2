from unittest import mock

import pk.clock
from pk import report

print(report.stamp())
pk.clock.now = lambda: "patched"
print(report.stamp(), report.copied())
with mock.patch("pk.extra.units.SECONDS", 7):
    from pk.extra.units import SECONDS

    print(SECONDS)
import pk.extra.units

print(pk.extra.units.SECONDS)
