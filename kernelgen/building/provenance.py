"""What a notebook says of itself: what built it, and what to attach to it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from kernelgen.recipe.project import RECIPE, Kernel, Project


def current_commit(root: Path) -> str:
    """The commit of the project's folder, with ``+changes`` where tracked files differ from it.

    "no-commit" outside git, or before the first commit.
    """
    commit = _git(root, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return "no-commit"
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return commit + ("+changes" if changed else "")


def provenance(project: Project, kernel: Kernel, commit: str) -> str:
    """Markdown: commit, recipe and template, and a bullet for each source to attach."""
    lines = [
        f"Built from commit `{commit}` of the library `{project.library}`: kernel `{kernel.name}` of "
        f"`{RECIPE}`, template `{kernel.template_name}`.",
        "",
    ]
    if kernel.attached:
        lines += ["Attach to it:", ""]
        words = {"kernel": "output of the kernel"}
        bullets = [f"- {words.get(source.kind, source.kind)} `{source.slug}`" for source in kernel.attached]
        lines += dict.fromkeys(bullets)
    else:
        lines += ["It needs nothing attached."]
    if kernel.earlier and not kernel.resumed:
        lines += [
            "",
            "It can go on from an earlier version of itself: build it with `--resume`, or attach the output "
            f'of `{kernel.earlier.slug}` and give `"{kernel.earlier.literal}"` in the settings.',
        ]
    return "\n".join(lines)


def _git(root: Path, *arguments: str) -> str:
    # A hook's environment points git at the repository of the hook, not at the project's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *arguments],
            capture_output=True, text=True, env=environment,
        )  # fmt: skip
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
