"""Progress bars outside of notebooks; in one they are tested with the live curves."""

import io

import pytest

from birdlib.progress import NotebookLine, in_notebook, progress_bar


def test_elsewhere_it_is_tqdm_on_the_standard_output(capsys):
    assert not in_notebook()
    assert list(progress_bar([1, 2, 3], "decode", unit="file")) == [1, 2, 3]
    out, err = capsys.readouterr()
    assert out.split("\r")[-1].startswith("decode: 100%|") and "3/3" in out and err == ""


def test_what_the_caller_asks_for_comes_first(capsys):
    other = io.StringIO()
    with progress_bar(description="x", total=2, file=other, ncols=40) as bar:
        bar.update(2)
    assert "2/2" in other.getvalue() and capsys.readouterr().out == ""
    assert max(map(len, other.getvalue().strip().split("\r"))) <= 40


def test_a_line_takes_what_tqdm_writes(monkeypatch: pytest.MonkeyPatch):
    shown: list[str] = []
    monkeypatch.setattr(NotebookLine, "show", lambda self, text: shown.append(text))
    with progress_bar(description="decode", total=4, file=NotebookLine(), mininterval=0) as bar:
        bar.update(1)
        bar.update(3)
    assert list(dict.fromkeys(text[:12] for text in shown)) == ["decode:   0%", "decode:  25%", "decode: 100%"]
    assert "█" in shown[-1] and not any({"\r", "\n"} & set(text) for text in shown)
