"""A project as it was at a commit, laid out in a temporary folder."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoBase(Exception):
    """There is nothing to compare with. Its text says why, and what to do."""


@contextmanager
def project_at(root: Path, commit: str) -> Iterator[Path]:
    """The folder of a project as it was at ``commit`` (a hash, whole or short, or a tag), while it is needed.

    The repository, its index and the working tree are only read. Files come out as a checkout writes them: what
    `.gitattributes` leaves out of archives or fills in there is here as it is in the working tree.

    Raises:
        NoBase: there is no such commit here, or it does not hold the project.
    """
    full = _resolved(root, commit)
    inside = _git(root, "rev-parse", "--show-prefix").stdout.rstrip("\n")
    with tempfile.TemporaryDirectory(prefix="kernelgen-pull-") as name:
        folder = Path(name).resolve()
        index = {"GIT_INDEX_FILE": str(folder / "index")}
        for arguments in (
            ("-c", "core.splitIndex=false", "read-tree", full),
            ("checkout-index", "--all", "--quiet", f"--prefix={folder / 'files'}/"),
        ):
            done = _git(root, *arguments, environment=index)
            if done.returncode:
                raise NoBase(f"commit {commit} cannot be read: {_first_line(done.stderr)}")
        there = folder / "files" / inside
        if not there.is_dir():
            raise NoBase(f"commit {commit} does not hold this project; check what --project names")
        yield there


def _resolved(root: Path, commit: str) -> str:
    fetch = "get it with git fetch --all --tags (in a shallow clone with --unshallow) and pull again"
    found = _git(root, "rev-parse", "--is-inside-work-tree")
    if found.returncode:
        if "not a git repository" in found.stderr:
            raise NoBase(f"{root} is in no git repository; pull where the kernel was built")
        raise NoBase(f"git cannot be asked for commit {commit}: {_first_line(found.stderr)}")
    is_hash = re.fullmatch(r"[0-9a-f]{4,64}", commit) is not None
    if not is_hash and not re.fullmatch(r"\w[\w./+-]*", commit):
        raise NoBase(f"{commit!r} is no commit; build and push the kernel from a commit")
    # Only what does not move: a branch of that name would be another commit tomorrow.
    for name in [f"{commit}^{{commit}}"] * is_hash + [f"refs/tags/{commit}^{{commit}}"]:
        done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
        full = done.stdout.strip()
        if done.returncode == 0 and (name.startswith("refs/") or full.startswith(commit)):
            return full
    raise NoBase(f"commit {commit} is not in this repository; {fetch}")


def _git(root: Path, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    # A hook's environment points git at the repository of the hook, not at the project's.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            env={**kept, "LC_ALL": "C", **(environment or {})},
        )
    except OSError as error:
        raise NoBase(f"git cannot be run ({error.strerror}); install it") from None


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0].removeprefix("fatal: ") if lines else "git says nothing of why"
