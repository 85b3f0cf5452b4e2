import pickle
import pickletools
import subprocess
import sys

from pk.types import Bird, Colour, Pair, Recording

recording = Recording("XC1", Bird("robin", Colour.RED), spots=[Pair(1, 2)])
data = pickle.dumps(recording)
print(sorted({arg for op, arg, _ in pickletools.genops(data) if isinstance(arg, str) and arg.startswith("pk")}))
print(pickle.loads(data) == recording, pickle.loads(data).bird.colour is Colour.RED)
with open("recording.pkl", "wb") as file:
    file.write(data)
other = "import pickle; print(pickle.load(open('recording.pkl', 'rb')))"
print(subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True).stdout)
