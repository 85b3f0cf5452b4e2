import subprocess
import sys


def command(word):
    return [sys.executable, "-m", "pk.tool", word]


def run():
    return subprocess.run(
        [sys.executable, "-c", "from pk.quiet import TEXT; print(TEXT)"], capture_output=True, text=True
    ).stdout
