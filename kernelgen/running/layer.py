"""The throwaway layer of a run: a virtual environment over the image's, for what a kernel installs itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from kernelgen.running.environment import RunEnvironment, site_packages_of


@dataclass(frozen=True)
class Places:
    """Where a run sees the layer, the Python that it is made from, and the image's packages."""

    layer: Path
    base_python: Path
    image_packages: Path


def make_layer(folder: Path, environment: RunEnvironment, seen: Places) -> None:
    """Makes the layer in `folder`. Nothing is copied but the image's commands, so this takes milliseconds.

    pip, which comes from the image, installs into the layer only, since the layer is Python's prefix.
    """
    packages = folder / site_packages_of(environment.version)
    packages.mkdir(parents=True)
    commands = folder / "bin"
    commands.mkdir()
    (folder / "lib64").symlink_to("lib")
    major, minor = environment.version
    for name in ("python", "python3", f"python{major}.{minor}"):
        (commands / name).symlink_to(seen.base_python)
    (folder / "pyvenv.cfg").write_text(
        f"home = {seen.base_python.parent}\ninclude-system-site-packages = false\nversion = {major}.{minor}\n",
        encoding="utf-8",
    )
    # addsitedir, not a bare path: the image's own .pth files have to be read as well.
    (packages / "image.pth").write_text(
        f"import site; site.addsitedir({str(seen.image_packages)!r})\n", encoding="utf-8"
    )
    _copy_commands(environment, commands, seen.layer / "bin" / "python")
    _write_kernelspec(folder, seen.layer / "bin" / "python")


def _copy_commands(environment: RunEnvironment, commands: Path, python: Path) -> None:
    """The image's Python commands (pip, papermill, accelerate …), run by the layer's Python."""
    for script in (environment.prefix / "bin").iterdir():
        target = commands / script.name
        if script.is_symlink() or not script.is_file() or target.exists():
            continue
        text = script.read_bytes()
        first, _, rest = text.partition(b"\n")
        if first.startswith(b"#!") and b"python" in first:
            target.write_bytes(b"#!" + str(python).encode() + b"\n" + rest)
            target.chmod(0o755)


def _write_kernelspec(folder: Path, python: Path) -> None:
    kernelspec = folder / "share" / "jupyter" / "kernels" / "python3"
    kernelspec.mkdir(parents=True)
    specification = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
    }
    (kernelspec / "kernel.json").write_text(json.dumps(specification, indent=1) + "\n", encoding="utf-8")
