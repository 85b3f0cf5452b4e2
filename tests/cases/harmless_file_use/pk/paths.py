"""Uses of `__file__` that read nothing."""

import logging
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = os.path.basename(__file__)
logger = logging.getLogger(Path(__file__).stem)
sys.path.append(str(HERE))
logger.info("in %s", HERE)


def describe():
    logger.debug(f"{__file__}: {logger.name}")
    source = Path(__file__).read_text()
    return NAME, HERE.name, logger.name, Path(__file__).suffix, len(source.splitlines()), (HERE / "absent.txt").exists()
