"""Trains undisturbed, then the same with SIGKILL at random points: python killed.py COMPETITION PREPARED FOLDER MOST.

Prints how often it killed. A process of its own, since it forks: each session must be a process that can die.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from conftest import make_settings, surroundings_of, train_here  # noqa: E402

from birdlib.competition.editions import edition  # noqa: E402
from birdlib.competition.layout import CompetitionFiles  # noqa: E402
from birdlib.data.prepared import Prepared  # noqa: E402
from birdlib.training.members import Members  # noqa: E402

torch.set_num_threads(1)
competition, output, folder = (Path(one) for one in sys.argv[1:4])
prepared = Prepared.read(output, CompetitionFiles(competition, edition("demo")))


def session(name: str, workers: int) -> int:
    """Starts a session that trains into a folder; returns its process."""
    child = os.fork()
    if child:
        return child
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        around = surroundings_of(prepared, folder / name, workers=workers)
        train_here(Members(make_settings(epochs=12), seeds=[1, 2], folds=[0]), around)
    os._exit(0)


assert os.waitpid(session("undisturbed", workers=0), 0)[1] == 0
kills, draw = 0, random.Random(0)
while True:
    child = session("killed", workers=kills % 2)
    if kills < int(sys.argv[4]):
        time.sleep(draw.uniform(0.2, 0.6))
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    kills += 1
print(kills)
