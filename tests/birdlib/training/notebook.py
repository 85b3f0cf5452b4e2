"""What a notebook does: torch in this process first, then a training: python notebook.py FILE.

FILE holds, pickled, the arguments of ``train_members``.
"""

import pickle
import sys
from pathlib import Path

import torch

from birdlib.errors import BirdlibError
from birdlib.training.launch import train_members

members, around, options = pickle.loads(Path(sys.argv[1]).read_bytes())
# The pool of OpenMP threads that a forked process would wait for.
torch.stft(torch.randn(64, 160_000), 2048, window=torch.hann_window(2048), return_complex=True).abs().log()
try:
    print("finished", train_members(members, around, **options))
except BirdlibError as error:
    print("fault:", error)
print("cuda untouched", not torch.cuda.is_initialized())
