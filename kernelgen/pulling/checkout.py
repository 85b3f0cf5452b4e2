"""A commit of the project's repository in a temporary folder; working tree, index and branch stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kernelgen.building.provenance import run_git
from kernelgen.errors import KernelgenError

# Ends the message of each commit that a pull makes, so that the next pull knows them from a person's.
TRAILER = "Pulled-from-Kaggle"


class GitError(KernelgenError):
    """Git refused; the text is the first line of what it said."""


class Checkout:
    """The files of a commit, below ``folder``, with an index of their own; ``project``: the project's folder in it.

    Raises:
        GitError: ``root`` is in no repository, or git is not installed.
        KernelgenError: the repository does not hold the commit.
    """

    def __init__(self, root: Path, commit: str, folder: Path) -> None:
        self._root, self._places = root, dict[str, str]()
        inside, git_folder = self._git("rev-parse", "--show-prefix", "--absolute-git-dir").split("\n")
        question = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
        self.commit = self._git(*question, may_refuse=True)
        if not self.commit:
            what = f"commit {commit}, from which the notebook was built, is not in this repository; get it with"
            raise KernelgenError(f"{what} git fetch --all --tags (in a shallow clone with --unshallow) and pull again")
        self._root = folder / "files"
        self._root.mkdir()
        self._places = {"GIT_DIR": git_folder, "GIT_WORK_TREE": str(self._root), "GIT_INDEX_FILE": f"{folder}/index"}
        self._git("read-tree", self.commit)
        # As git lays files out: line ends and filters follow .gitattributes.
        self._git("checkout-index", "--all", "--quiet", f"--prefix={self._root}/")
        self.project = self._root / inside

    def commit_to(self, branch: str, paths: Sequence[Path], message: str, author: str) -> str | None:
        """Commit edited files to a branch; returns the commit, None where the branch already holds them.

        The branch begins at this commit; what earlier pulls from it left there is replaced.

        Raises:
            KernelgenError: git refuses, or the branch holds what such a commit would undo.
        """
        self._git("add", "--force", "--", *map(str, paths))
        tree = self._git("write-tree")
        tip = self._git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", may_refuse=True)
        common = self._git("merge-base", self.commit, tip, may_refuse=True) if tip else ""
        if tip and common != tip:
            of_a_person = self._git("rev-list", "--invert-grep", f"--grep=^{TRAILER}: ", f"{self.commit}..{tip}")
            if of_a_person or common != self.commit:
                what = f"holds commits that are not in {self.commit[:12]}, from which the notebook was built"
                how = f"merge it (git merge {branch}) or rename it (git branch -m {branch} NAME), and pull again"
                raise KernelgenError(f"branch {branch} {what}; {how}")
            if self._git("rev-parse", f"{tip}^{{tree}}") == tree:
                return None
        # Git may know no author here; what was edited on Kaggle is by the owner there.
        who = ["-c", f"user.name={author}", "-c", f"user.email={author}@kaggle"]
        commit = self._git(*who, "commit-tree", tree, "-p", self.commit, "-m", message)
        try:
            self._git("branch", "--force", "--no-track", branch, commit)
        except GitError as error:  # it is checked out, or a branch has the name of its folder
            raise KernelgenError(f"branch {branch} cannot be written: {error}; mend that, and pull again") from None
        return commit

    def _git(self, *arguments: str, may_refuse: bool = False) -> str:
        """What git answers; "" where it refuses and may."""
        options = ["-c", "core.splitIndex=false", "-c", "core.sparseCheckout=false"]
        try:
            done = run_git(self._root, *options, *arguments, **self._places)
        except OSError as error:
            raise GitError(f"git cannot be run ({error.strerror})") from None
        if done.returncode and not may_refuse:
            raise GitError(done.stderr.strip().partition("\n")[0].removeprefix("fatal: "))
        return "" if done.returncode else done.stdout.removesuffix("\n")
