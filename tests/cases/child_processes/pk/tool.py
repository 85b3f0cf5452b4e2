import sys


def say(text):
    print("says", text, __package__)


if __name__ == "__main__":
    say(sys.argv[1])
