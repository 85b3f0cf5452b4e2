"""The project's git repository: commits are read and made there; working tree, index and branch stay as they are."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernelgen.errors import KernelgenError

# Ends the message of each commit that a pull makes, so that the next pull knows them from a person's.
TRAILER = "Pulled-from-Kaggle"


class GitError(KernelgenError):
    """Git refused; the text is the first line of what it said."""


@dataclass(frozen=True)
class Checkout:
    """The files of a commit in a temporary folder. project: the project's folder in it.

    environment: with which git takes that folder for its working tree, and an index of its own.
    """

    commit: str
    project: Path
    environment: Mapping[str, str]


class Repository:
    """The repository that holds the folder ``root``.

    Raises:
        GitError: the folder is in no repository, or git is not installed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._inside, self._folder = self._git("rev-parse", "--show-prefix", "--absolute-git-dir").split("\n")

    def resolve(self, commit: str) -> str:
        """Return the whole hash of a commit that is named by its hash or by a tag, but not by a branch, which moves.

        Raises:
            KernelgenError: there is no such commit here.
        """
        for name in (commit, f"refs/tags/{commit}"):
            full = self._answer("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if full and (full.startswith(commit) or name != commit):
                return full
        raise KernelgenError(
            f"commit {commit}, from which the notebook was built, is not in this repository; get it with "
            "git fetch --all --tags (in a shallow clone with --unshallow) and pull again"
        )

    @contextmanager
    def checkout(self, commit: str) -> Iterator[Checkout]:
        """Lay out the files of a commit as git does: line ends and filters follow ``.gitattributes``.

        Raises:
            KernelgenError: the commit does not hold the project.
        """
        with tempfile.TemporaryDirectory(prefix="kernelgen-pull-") as name:
            folder = Path(name).resolve()
            files = folder / "files"
            files.mkdir()
            places = {"GIT_DIR": self._folder, "GIT_WORK_TREE": str(files), "GIT_INDEX_FILE": str(folder / "index")}
            self._git("read-tree", commit, environment=places)
            self._git("checkout-index", "--all", "--quiet", f"--prefix={files}/", environment=places)
            project = files / self._inside
            if not project.is_dir():
                raise KernelgenError(f"commit {commit[:12]} does not hold this project; check what --project names")
            yield Checkout(commit, project, places)

    def put_on_branch(
        self, branch: str, checkout: Checkout, paths: Sequence[Path], message: str, author: str
    ) -> str | None:
        """Commit edited files of a checkout to a branch; returns the commit, None where the branch already holds them.

        A new branch begins at the checkout's commit. A branch of earlier pulls goes on; one that was merged into
        that commit begins anew there.

        Raises:
            KernelgenError: git refuses, or the branch holds what such a commit would undo.
        """
        base, places = checkout.commit, checkout.environment
        self._git("add", "--force", "--", *map(str, paths), environment=places)
        tree = self._git("write-tree", environment=places)
        parent, tip = base, self._answer("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        if tip and not self._is_ancestor(tip, base):
            of_a_person = self._git("rev-list", "--invert-grep", f"--grep=^{TRAILER}: ", f"{base}..{tip}")
            if of_a_person or not self._is_ancestor(base, tip):
                raise KernelgenError(
                    f"branch {branch} holds commits that are not in {base[:12]}, from which the notebook was built; "
                    f"merge it (git merge {branch}) or rename it (git branch -m {branch} NAME), and pull again"
                )
            if self._git("rev-parse", f"{tip}^{{tree}}") == tree:
                return None
            parent = tip
        # A commit needs an author; where git knows none, it is the owner on Kaggle.
        known = self._answer("var", "GIT_COMMITTER_IDENT") is not None
        who = [] if known else ["-c", f"user.name={author}", "-c", f"user.email={author}@kaggle"]
        commit = self._git(*who, "commit-tree", tree, "-p", parent, "-F", "-", text=message)
        try:
            self._git("branch", "--force", "--no-track", branch, commit)
        except GitError as error:  # it is checked out, or a branch has the name of its folder
            raise KernelgenError(f"branch {branch} cannot be written: {error}; mend that, and pull again") from None
        return commit

    def _is_ancestor(self, commit: str, other: str) -> bool:
        return self._answer("merge-base", "--is-ancestor", commit, other) is not None

    def _answer(self, *arguments: str) -> str | None:
        """What git answers; None where it says no."""
        try:
            return self._git(*arguments)
        except GitError:
            return None

    def _git(self, *arguments: str, environment: Mapping[str, str] | None = None, text: str = "") -> str:
        # A hook's environment points git at the repository of the hook, not at the project's.
        kept = {name: value for name, value in os.environ.items() if not re.match("GIT_(?!AUTHOR_|COMMITTER_)", name)}
        options = ["--no-optional-locks", "-c", "core.splitIndex=false", "-c", "core.sparseCheckout=false"]
        folder = (environment or {}).get("GIT_WORK_TREE", str(self._root))
        try:
            done = subprocess.run(
                ["git", "-C", folder, *options, *arguments],
                input=text, capture_output=True, encoding="utf-8", errors="replace",
                env={**kept, "LC_ALL": "C", **(environment or {})},
            )  # fmt: skip
        except OSError as error:
            raise GitError(f"git cannot be run ({error.strerror})") from None
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise GitError(lines[0].removeprefix("fatal: ") if lines else "git says nothing of why")
        return done.stdout.removesuffix("\n")
