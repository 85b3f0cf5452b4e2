"""What IPython's `%%writefile` can carry, and what it would change.

A cell is Python text to IPython before it is a magic, so IPython 7.34 (Kaggle's) and IPython 9 clean its body as if
somebody had pasted it: prompts are taken away, and IPython 9 empties lines of blanks, also within strings. An empty
body is an error. The line of the magic itself is taken apart at blanks and expands `{x}` and `$x`.
"""

import ast
import re
from pathlib import PurePosixPath

from kernelgen.inlining.library import BOM

# The folder that the library's files are written to, by the one name that its cells bind in a notebook.
LIBRARY_NAME = "_kernelgen_library"
PLAIN_NAME = re.compile(r"[\w./-]+")
_FIRST_LINE_PROMPT = re.compile(r"\s*(>>>|\.\.\.|((\[nav\]|\[ins\]) )?In \[)")
_TRIPLE_QUOTED = re.compile(
    r"(?P<prefix>^\s*[rubfRUBF]*\s*)?(?<!\\)(?P<quotes>\"{3}|'{3}).*?(?:(?<!\\)(?P=quotes)|\Z)",
    re.DOTALL | re.MULTILINE,
)


def body_for_magic(file: PurePosixPath, data: bytes, *, is_source: bool) -> str | None:
    """A file as the body of a `%%writefile` cell; None where the magic could not carry it.

    A source may lose its BOM and gain a final newline on the way, which changes nothing of what it means. Data may
    not change at all.
    """
    try:
        text = data.removeprefix(BOM if is_source else b"").decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not is_source and (data.startswith(BOM) or not text.endswith("\n")):
        return None
    # With "\0" there are front ends that cut the text short.
    if not text.strip() or "\0" in text or not PLAIN_NAME.fullmatch(str(file)):
        return None
    if _FIRST_LINE_PROMPT.match(text.splitlines()[0]) or _loses_prompts(text):
        return None
    # IPython 9 empties lines which hold nothing but blanks.
    emptied = "\n".join("" if line.isspace() else line for line in text.split("\n"))
    if emptied != text and not (is_source and ast.dump(ast.parse(emptied)) == ast.dump(ast.parse(text))):
        return None
    # IPython gives the cell a final newline if it has none.
    return text if text.endswith("\n\n") else text.removesuffix("\n")


def _loses_prompts(text: str) -> bool:
    """Whether IPython 9 would take `>>>` at the start of lines for the prompts of a pasted session.

    It spares those within triple quotes that open a line, as docstrings do, and no others.
    """
    others = _TRIPLE_QUOTED.sub(lambda string: string[0] if string["prefix"] is None else "", text)
    return any(line.lstrip().startswith(">>>") for line in others.splitlines())
