"""What a notebook says of itself: what built it, and what to attach to it."""

import logging
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from kernelgen.errors import KernelgenError
from kernelgen.inlining.data_files import named_files
from kernelgen.recipe.project import RECIPE, Kernel, Project
from kernelgen.tables import read_toml

NO_COMMIT = "no-commit"
CHANGES = "+changes"

_log = logging.getLogger(__name__)


def current_commit(root: Path) -> str:
    """The commit that the project's folder stands at, with ``+changes`` where the folder holds anything else.

    "no-commit" outside git, before the first commit, and in a folder of which the repository around it holds
    nothing. Untracked files count where they can come into a notebook: in the library, among the templates and in
    the ``files`` of a kernel.
    """
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    if not commit or not _git(root, "ls-files", "--", RECIPE):
        return NO_COMMIT
    recipe, templates = read_toml(root / RECIPE, RECIPE), Path(RECIPE).parent.name
    library = str(recipe.get("library"))
    files = [*root.glob(f"{library}/**/*.py"), *root.glob(f"{library}.py"), *root.glob(f"{templates}/*.j2")]
    for name in (name for table in recipe.get("kernels", {}).values() for name in table.get("files", ())):
        with suppress(KernelgenError):  # who builds the kernel says what is wrong with the name
            files += named_files(root, name)
    # Neither .gitignore nor a link, within the repository too, keeps a file out of a notebook.
    shipped = {file.resolve() for file in files if file.is_file()}
    far = [str(file) for file in sorted(shipped) if not file.is_relative_to(root.resolve())]
    top = Path(_git(root, "rev-parse", "--show-toplevel"))
    tracked = {top / name for name in _git(top, "ls-files", "-z", "--recurse-submodules").split("\0")}
    has_changes = (
        not shipped <= tracked
        or _git(root, "ls-files", "--others", "--exclude-standard", "--", library, f"{library}.py", templates)
        or _git(top, "status", "--porcelain", "--untracked-files=no", "--", str(root.resolve()), *far)
    )
    return commit + CHANGES if has_changes else commit


def provenance(project: Project, kernel: Kernel, commit: str) -> str:
    """Markdown: commit, recipe and template, and a bullet for each source to attach."""
    lines = [
        f"Built from commit `{commit}` of the library `{project.library}`: kernel `{kernel.name}` of "
        f"`{RECIPE}`, template `{kernel.template_name}`.",
        "",
        *(["Attach to it:", ""] if kernel.attached else ["It needs nothing attached."]),
    ]
    words = {"kernel": "output of the kernel"}
    lines += dict.fromkeys(f"- {words.get(source.kind, source.kind)} `{source.slug}`" for source in kernel.attached)
    if kernel.earlier and not kernel.resumed:
        lines += [
            "",
            "It can go on from an earlier version of itself: build it with `--resume`, or attach the output "
            f'of `{kernel.earlier.slug}` and give `"{kernel.earlier.literal}"` in the settings.',
        ]
    return "\n".join(lines)


def origin(project: Project, kernel: Kernel, commit: str) -> dict[str, Any]:
    """What built a notebook, for its metadata: enough to build the same again, ``--set`` and ``--resume`` included."""
    return {
        "commit": commit,
        "kernel": kernel.name,
        "library": project.library,
        "recipe": RECIPE,
        "resumed": kernel.resumed,
        "set": list(project.overrides),
        "template": kernel.template_name,
    }


def run_git(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run git for the repository that ``root`` lies in."""
    # A hook's environment points git at the repository of the hook, not at the project's.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "--no-optional-locks", "-C", str(root), *arguments],
        capture_output=True, encoding="utf-8", errors="replace", env={**own, "LC_ALL": "C", **environment},
    )  # fmt: skip


def _git(root: Path, *arguments: str) -> str:
    try:
        done = run_git(root, *arguments)
    except OSError:
        return ""
    if "dubious ownership" in done.stderr:
        _log.warning("%s belongs to another user, so git tells no commit; see git's setting safe.directory", root)
    return done.stdout.strip() if done.returncode == 0 else ""
