"""Lists of labels in the cells of a table, in whatever way they are written."""

import html
import re

_QUOTES = str.maketrans(dict.fromkeys("'\"`´‘’‚“”„«»", "'"))
_PAIRS = ("[]", "{}", "()")
_ESCAPED_QUOTE = re.compile(r"\\(?=')")
# What numpy, pandas and Python write around a list or a value, and what they write for a missing one.
_WRAPPER = re.compile(r"\b(?:(?:np|numpy|pd|pandas)\.)?(?:array|Index|list|tuple|set|frozenset|str_|int32|int64)\s*\(")
_TYPE = re.compile(r",?\s*dtype\s*=\s*[^\])]*")
_PREFIX = re.compile(r"(?<![\w'])[bu](?=')")
_CALL = re.compile(r"\w\(")
_MISSING = re.compile(r"(?<![\w'])(?:nan|none|null|na|n/a|<na>)(?![\w'])", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,;|/+&'\[\](){}]+")
_WHOLE_NUMBER = re.compile(r"(\d+)\.0+")  # an id that was read as a number on its way
_LABEL = re.compile(r"(?!\d*\.\d*$)\w[\w.-]*")


def parse_labels(text: str) -> list[str]:
    """The labels of one cell, as strings, also those that look like numbers.

    Lists of Python, JSON and numpy are read (``['a', 'b']``, ``['a' 'b']``, ``{"a", "b"}``, ``array(['a'])``), and
    labels with any of ``, ; | / + &`` or blanks between them. Nothing, ``[]``, ``['']``, ``nan`` and ``-`` are no
    label.

    Raises:
        ValueError: it is none of these; a list with its end missing, a dict, and a list that numpy shortened among
            them.
    """
    plain = html.unescape(text).translate(_QUOTES)
    plain = _ESCAPED_QUOTE.sub("", plain)
    plain = _MISSING.sub(" ", _PREFIX.sub("", _TYPE.sub("", _WRAPPER.sub("(", plain))))
    if (
        plain.count("'") % 2
        or _CALL.search(plain)
        or any(plain.count(first) != plain.count(last) for first, last in _PAIRS)
    ):
        raise ValueError(text)
    labels = []
    for part in _BETWEEN.split(plain):
        if part.strip("-–—?"):
            number = _WHOLE_NUMBER.fullmatch(part)
            label = number[1] if number else part
            if not _LABEL.fullmatch(label):
                raise ValueError(text)
            labels.append(label)
    return labels
