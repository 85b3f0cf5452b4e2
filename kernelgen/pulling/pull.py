"""`--pull` and `--diff`: what was edited on Kaggle becomes a commit on a branch, or files beside the kernel."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kernelgen.building.provenance import CHANGES, NO_COMMIT
from kernelgen.pulling.edits import Edits, Then, find_edits, origin_of, read_notebook
from kernelgen.pulling.repository import TRAILER, Checkout, GitError, Repository
from kernelgen.recipe import Kernel, Project

# What would act on a terminal, or show a text in another order than it has.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Pulled:
    """What a pull did. report: for the reader. is_complete: whether nothing is left to a person."""

    report: str
    is_complete: bool


def pull_kernel(
    project: Project, kernel: Kernel, text: str, *, pushed: Path | None, out: Path, keep: bool = True
) -> Pulled:
    """Bring home what was edited in a kernel on Kaggle.

    The edits become a commit on the branch ``kaggle/NAME``, on top of the commit that the notebook names. Working
    tree, index and the current branch stay as they are. Edits without a commit go to OUT/NAME/pulled.

    Args:
        text: the notebook as Kaggle has it. pushed: the notebook that was pushed last, None if that is not known.
        out: the folder of built kernels. keep: whether to write anything; without it the edits are only shown.

    Raises:
        KernelgenError: what Kaggle has is not this kernel, its commit is not here, or the branch cannot be written.
    """
    where = f"{kernel.slug} on Kaggle"
    fetched = read_notebook(text, where)
    origin = origin_of(fetched, project, kernel, where)
    before = read_notebook(pushed.read_text(encoding="utf-8"), str(pushed)) if pushed else None
    if before and before.metadata.get("kernelgen") != fetched.metadata.get("kernelgen"):
        before = None  # what Kaggle has comes from another build
    commit = str(origin.get("commit", "")).removesuffix(CHANGES)
    aside = Path(out) / kernel.name / "pulled"
    try:
        if commit in ("", NO_COMMIT):
            raise GitError("it was built outside git" if commit else "it does not say which commit built it")
        repository = Repository(project.root)
    except GitError as error:
        edits = find_edits(Then(project, kernel, project.root, origin), fetched, before, where)
        edits.notes.insert(0, f"compared with a fresh build ({error}); what differs may be of either side")
        done = []
        for file, (_, data) in edits.files.items() if keep else ():
            _write(aside / file, data)
            done.append(f"written to {aside / file}, not over your file")
        return _told(kernel, edits, "a fresh build", done, aside if keep else None)
    with repository.checkout(repository.resolve(commit)) as checkout:
        then = Then(project, kernel, checkout.project, origin)
        edits = find_edits(then, fetched, before, where)
        if then.commit != commit:
            edits.notes.append(f"it was built from {commit} with changes of no commit, which are part of what differs")
        done = _commit(then, edits, repository, checkout) if keep and edits.files else []
    return _told(kernel, edits, f"commit {commit}", done, aside if keep else None)


def _commit(then: Then, edits: Edits, repository: Repository, checkout: Checkout) -> list[str]:
    """Put the edits on the branch; returns lines for the reader."""
    paths = [(checkout.project / file).resolve() for file in edits.files]
    for path, (_, data) in zip(paths, edits.files.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    branch, owner = f"kaggle/{then.kernel.name}", then.project.owner_or_placeholder
    message = "\n".join([
        f"Take over edits of kernel {then.kernel.name} from Kaggle",
        "",
        f"The notebook was built from commit {then.commit}.",
        *(f"Not taken over: cells {leftover.what}" for leftover in edits.leftovers),
        "",
        f"{TRAILER}: {owner}/{then.kernel.slug}",
    ])  # fmt: skip
    commit = repository.put_on_branch(branch, checkout, paths, message, owner)
    return [
        f"branch {branch} has it already:" if commit is None else f"commit {commit[:12]} on branch {branch}:",
        f"  git diff {checkout.commit[:12]} {branch}    shows it",
        f"  git merge {branch}    takes it over (git branch -D {branch} drops it)",
    ]


def _told(kernel: Kernel, edits: Edits, base: str, done: list[str], aside: Path | None) -> Pulled:
    files, cells = len(edits.files), len(edits.leftovers)
    counts = [f"{files} file{'s' * (files != 1)} edited on Kaggle"] * bool(files)
    counts += [f"{cells} edit{'s' * (cells != 1)} of cells left to you"] * bool(cells)
    lines = [f"{kernel.slug}: {', '.join(counts) or 'nothing was edited on Kaggle'} (compared with {base})"]
    lines += [f"note: {note}" for note in edits.notes]
    for file, (old, new) in edits.files.items():
        lines += ["", *_difference_of_files(str(file), old, new)]
    left = []
    for leftover in edits.leftovers:
        left += ["", f"left to you, {leftover.what}", *_difference(leftover.old, leftover.new, "as built", "on Kaggle")]
    if left and aside:
        _write(aside / "cells.diff", "\n".join([*left[1:], ""]).encode())
        done = [*done, f"what is left to you: {aside / 'cells.diff'}"]
    text = "\n".join([*lines, *left, *[""] * bool(done), *done])
    return Pulled(_UNSEEN.sub(lambda sign: ascii(sign[0])[1:-1], text), is_complete=not left)


def _difference_of_files(file: str, old: bytes | None, new: bytes) -> Iterator[str]:
    """A unified diff in git's form; a single line where a file is no text. old: None for a new file."""
    if b"\0" in (old or b"") + new:
        return iter([f"{file}: no text: {len(old or b'')} bytes before, {len(new)} after"])
    before, after = ((data or b"").decode("utf-8", "replace").removeprefix("\ufeff") for data in (old, new))
    return _difference(before, after, "/dev/null" if old is None else f"a/{file}", f"b/{file}")


def _difference(old: str, new: str, old_name: str, new_name: str) -> Iterator[str]:
    """A unified diff without line ends; lines that differ in their ends alone are the same."""
    texts = (text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") for text in (old, new))
    before, after = (text.split("\n") if text else [] for text in texts)
    return difflib.unified_diff(before, after, old_name, new_name, lineterm="")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
