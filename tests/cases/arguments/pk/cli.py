import argparse


def parse(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=40)
    return parser.parse_args(arguments)
