"""The loop."""

import logging
import sys

logger = logging.getLogger(__name__)


class Loop:
    class Inner: ...


def step():
    logger.info("step %d", 1)
    logger.debug("not shown")


def own():
    return sys.modules[__name__]
