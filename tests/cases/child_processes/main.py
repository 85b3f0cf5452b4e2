import subprocess
import sys

from pk.launch import command, run

print(run())
print(subprocess.run([sys.executable, "-m", "pk.tool", "b"], capture_output=True, text=True).stdout, end="")
print(subprocess.check_output(command("c"), text=True), end="")
print(subprocess.check_output([sys.executable, "-m", "pk"], text=True), end="")
