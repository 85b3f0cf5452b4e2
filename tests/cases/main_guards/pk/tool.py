"""A tool that can be started by itself."""

import sys


def main(arguments):
    return len(arguments)


if __name__ == "__main__":
    print("the guard of the library runs")
    sys.exit(main(sys.argv))
