"""A cell that only passed through an editor means the file that it was made from."""

import itertools
from pathlib import PurePosixPath

import pytest

from kernelgen.inlining.library import BOM
from kernelgen.inlining.magic import body_for_magic
from kernelgen.pulling.editing import as_edited, with_line_ends

LINES = ["x = 1", "'größe'", "#", "pass", "", "'\x0c'", "'\u2028'", "'''a", "'''"]
ENDS = ["\n", "\r\n", "\r"]
SAVINGS = {
    "as it was": lambda body: body,
    "one newline less": lambda body: body.removesuffix("\n"),
    "none at the end": lambda body: body.rstrip("\r\n"),
    "\\n": lambda body: body.replace("\r\n", "\n").replace("\r", "\n"),
    "\\r\\n": lambda body: body.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n"),
}


def some_files():
    for length in (1, 2, 3):
        for number, lines in enumerate(itertools.product(LINES, repeat=length)):
            if number % 3:
                continue
            for shift, tail in enumerate(("", "\n", "\r\n", "\n\n", "\n\n\n")):
                ends = [ENDS[(number + shift) % 3 if number % 2 else (number + place) % 3] for place in range(length)]
                text = "".join(line + end for line, end in zip(lines[:-1], ends[:-1], strict=True)) + lines[-1] + tail
                yield (BOM if number % 5 == 0 else b"") + text.encode()


@pytest.mark.parametrize("saving", SAVINGS)
def test_saving_changes_no_byte(saving):
    count = 0
    for data in some_files():
        try:
            body = body_for_magic(PurePosixPath("pk/a.py"), data, is_source=True)
        except SyntaxError:
            continue
        if body is None:
            continue
        count += 1
        assert as_edited(SAVINGS[saving](body), b"(unknown)", data) == data, data
    assert count > 300


def test_new_lines_end_like_most_and_old_ones_as_they_did():
    old = "a\r\nb\nc\r\nd\r\n"
    assert with_line_ends("a\nb\nnew\nc\nd\nlast", old) == "a\r\nb\nnew\r\nc\r\nd\r\nlast"
    assert with_line_ends("b\n", old) == "b\n" and with_line_ends("", old) == ""
    assert with_line_ends("a\nx\n", "a\nb\n") == "a\nx\n"


def test_a_file_in_another_encoding_gives_no_hints():
    assert (
        as_edited("x = 'é'", b"what the cell says\n", "# latin-1\nx = 'é'".encode("latin-1")) == b"what the cell says\n"
    )
