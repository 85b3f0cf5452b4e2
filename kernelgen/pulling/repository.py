"""The project's git repository: commits are read and made there; working tree, index and branch stay as they are."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
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
    """The files of a commit in a temporary folder. project: the project's folder in it. index: git's index of it."""

    commit: str
    files: Path
    project: Path
    index: Path


class Repository:
    """The repository that holds the folder ``root``.

    Raises:
        GitError: the folder is in no repository, or git is not installed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._inside, self._folder = self._git("rev-parse", "--show-prefix", "--absolute-git-dir").split("\n")

    def resolve(self, commit: str) -> str:
        """Return the whole hash of a commit that is named by its hash or by a tag, but not by a branch, which moves.

        Raises:
            KernelgenError: there is no such commit here.
        """
        is_hash = re.fullmatch(r"[0-9a-f]{4,64}", commit) is not None
        names = [commit] * is_hash + [f"refs/tags/{commit}"] * bool(re.fullmatch(r"\w[\w./+-]*", commit))
        for name in names:
            full = self._answer("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if full and (name.startswith("refs/") or full.startswith(commit)):
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
            files, index = folder / "files", folder / "index"
            files.mkdir()
            environment = {"GIT_INDEX_FILE": str(index)}
            self._git("read-tree", commit, environment=environment)
            self._git("checkout-index", "--all", "--quiet", f"--prefix={files}/", environment=environment)
            project = files / self._inside
            if not project.is_dir():
                raise KernelgenError(f"commit {commit[:12]} does not hold this project; check what --project names")
            yield Checkout(commit, files, project, index)

    def tree_with(self, checkout: Checkout, paths: Iterable[Path]) -> str:
        """Store a commit's tree with the files that were edited in its checkout; returns the tree's hash."""
        environment = {"GIT_INDEX_FILE": str(checkout.index)}
        place = ["--git-dir", self._folder, "--work-tree", str(checkout.files)]
        names = [os.path.relpath(path.resolve(), checkout.files) for path in paths]
        self._git(*place, "add", "--force", "--", *names, environment=environment, folder=checkout.files)
        return self._git("write-tree", environment=environment)

    def put_on_branch(self, branch: str, tree: str, base: str, message: str, author: str) -> str | None:
        """Commit a tree to a branch; returns the new commit, or None where the branch already holds that tree.

        A new branch begins at the commit ``base``. A branch of earlier pulls goes on; one that was merged into
        ``base`` begins anew there.

        Raises:
            KernelgenError: the branch is checked out, or holds what such a commit would undo.
        """
        reference = f"refs/heads/{branch}"
        tip = self._answer("rev-parse", "--verify", "--quiet", reference)
        parent = base if tip is None or self._is_ancestor(tip, base) else tip
        if tip and parent == tip:
            if self._git("rev-parse", f"{tip}^{{tree}}") == tree and self._is_ancestor(base, tip):
                return None
            since = self._git("rev-list", f"{base}..{tip}").split()
            pulled = self._git("rev-list", f"--grep=^{TRAILER}: ", f"{base}..{tip}").split()
            if since != pulled or not self._is_ancestor(base, tip):
                raise KernelgenError(
                    f"branch {branch} holds commits that are not in {base[:12]}, from which the notebook was built; "
                    f"merge it (git merge {branch}) or rename it (git branch -m {branch} NAME), and pull again"
                )
        if f"branch {reference}" in self._git("worktree", "list", "--porcelain").split("\n"):
            raise KernelgenError(
                f"branch {branch} is checked out; switch to another one (git switch -), and pull again"
            )
        # A commit needs an author; where git knows none, it is the owner on Kaggle.
        known = self._answer("var", "GIT_COMMITTER_IDENT") is not None
        who = [] if known else ["-c", f"user.name={author}", "-c", f"user.email={author}@kaggle"]
        commit = self._git(*who, "commit-tree", tree, "-p", parent, "-F", "-", text=message)
        try:
            self._git("update-ref", "-m", "pull from Kaggle", reference, commit, tip or "0" * len(commit))
        except GitError as error:
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

    def _git(
        self, *arguments: str, environment: Mapping[str, str] | None = None, folder: Path | None = None, text: str = ""
    ) -> str:
        # A hook's environment points git at the repository of the hook, not at the project's.
        kept = {name: value for name, value in os.environ.items() if not re.match("GIT_(?!AUTHOR_|COMMITTER_)", name)}
        options = ["--no-optional-locks", "-c", "core.splitIndex=false", "-c", "core.sparseCheckout=false"]
        try:
            done = subprocess.run(
                ["git", "-C", str(folder or self.root), *options, *arguments],
                input=text, capture_output=True, encoding="utf-8", errors="replace",
                env={**kept, "LC_ALL": "C", **(environment or {})},
            )  # fmt: skip
        except OSError as error:
            raise GitError(f"git cannot be run ({error.strerror})") from None
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise GitError(lines[0].removeprefix("fatal: ") if lines else "git says nothing of why")
        return done.stdout.removesuffix("\n")
