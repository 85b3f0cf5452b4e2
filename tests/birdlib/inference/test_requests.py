"""Requests: a model comes and goes without harm to the process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import os, signal, threading
import numpy as np, openvino as ov
from openvino import opset13 as ops
from birdlib.inference.requests import Requests

def model():
    mels = ops.parameter([2, 3], np.float32)
    return Requests(ov.Model([ops.relu(mels)], [mels]), precision="f32", streams=2)

signal.signal(signal.SIGCHLD, lambda *_: None)  # as a loader of clips has it
models, heard = [model()], []
models[0].start(np.array([[1, -1, 2], [-3, 4, 0]], np.float32), lambda logits: heard.append(logits.copy()))
models[0].finish()
last = threading.Thread(target=models.clear)
last.start()
last.join()
os.kill(os.getpid(), signal.SIGCHLD)
print(heard[0].tolist())
"""


def test_a_signal_does_no_harm_after_another_thread_let_go_of_the_last_model():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(ROOT)])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[[1.0, 0.0, 2.0], [0.0, 4.0, 0.0]]"
