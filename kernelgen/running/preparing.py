"""What a kernel sees of the world while it runs: Kaggle's folders, the image's packages, nothing of ours.

The files of the host appear as read-only mounts in a folder that belongs to one run and is removed after it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from kernelgen.running.environment import BASE_PREFIX, SITE_PACKAGES, VERSION
from kernelgen.running.environment import HOME as REPOSITORY
from kernelgen.running.layouts import Mount, lay_out
from kernelgen.running.leftovers import MARK
from kernelgen.running.room import HOSTNAME, INPUT, NOTEBOOK, SOURCE, WORKING, Room

INPUT_ROOT = "KAGGLE_INPUT_ROOT"

_LAYER = PurePosixPath("/opt/kernel")
_IMAGE = PurePosixPath("/opt/kaggle-image", SITE_PACKAGES)
_PYTHON = PurePosixPath("/opt/python")
_PYTHON_LIBRARY = PurePosixPath("/opt/python-lib")

_EMPTY = (
    "dev etc home kaggle/input kaggle/src mnt opt/kernel opt/python-lib proc root run srv sys tmp var/log var/tmp"
).split()
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# What programs look up: linker, certificates, fonts, drivers. The host's own settings (pip's) stay out.
_ETC = (
    "alternatives fonts glvnd ld.so.cache ld.so.conf ld.so.conf.d ca-certificates.conf mime.types nvidia "
    "nvidia-container-runtime OpenCL os-release protocols services ssl vulkan"
).split()
_ETC_FILES = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hosts": f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
# What a person may set to steer a run, passed on as it is.
_PASSED_ON = (
    "KAGGLE_IS_COMPETITION_RERUN CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER HIP_VISIBLE_DEVICES OMP_NUM_THREADS "
    "MKL_NUM_THREADS OPENBLAS_NUM_THREADS NUMEXPR_NUM_THREADS"
).split()


def make_room(
    notebook: bytes,
    mounts: Sequence[Mount],
    layout: str,
    folder: Path,
    image: Path,
    scratch: Path,
    *,
    is_fenced: bool,
) -> Room:
    """A run in a root of its own, or one that sees the host. `scratch` is an empty folder on disk."""
    room = Room(scratch / "root", is_fenced)
    for part in _EMPTY:
        (room.root / part).mkdir(parents=True)
    room.environment = _environment(room)
    room.show(BASE_PREFIX, _PYTHON)
    room.show(image / SITE_PACKAGES, _IMAGE)
    if is_fenced:
        _show_system(room)
        _hide(room, scratch)
        room.show(room.inside(INPUT), INPUT)
    room.show(folder, WORKING, read_only=False)
    lay_out(mounts, layout, room)
    _make_layer(room, image)
    (room.inside(SOURCE) / "notebook.ipynb").write_bytes(notebook)
    for script in ("session.py", "leftovers.py"):
        shutil.copyfile(Path(__file__).with_name(script), room.inside(SOURCE) / script)
    paths = [_LAYER / "bin" / "python", SOURCE / "session.py", SOURCE / "notebook.ipynb", WORKING / NOTEBOOK]
    room.command = [str(room.seen(path)) for path in paths]
    return room


def _make_layer(room: Room, image: Path) -> None:
    """Makes a throwaway virtual environment over the image's: Python's prefix, into which a kernel's pip installs."""
    folder, python = room.inside(_LAYER), room.seen(_PYTHON / "bin" / f"python{VERSION}")
    packages, commands = folder / SITE_PACKAGES, folder / "bin"
    packages.mkdir(parents=True)
    commands.mkdir()
    (folder / "lib64").symlink_to("lib")
    for name in ("python", "python3", f"python{VERSION}"):
        (commands / name).symlink_to(python)
    settings = f"home = {python.parent}\ninclude-system-site-packages = false\nversion = {VERSION}\n"
    (folder / "pyvenv.cfg").write_text(settings)
    # addsitedir, not a bare path: the image's own .pth files have to be read as well.
    (packages / "image.pth").write_text(f"import site; site.addsitedir({str(room.seen(_IMAGE))!r})\n")
    # A Python built with a shared library looks for it where it was installed, which is not where it is now.
    for shared in (BASE_PREFIX / "lib").glob(f"libpython{VERSION}*.so*"):
        (room.inside(_PYTHON_LIBRARY) / shared.name).symlink_to(room.seen(_PYTHON) / "lib" / shared.name)
    # The image's Python commands (pip, papermill, accelerate …), run by the layer's Python.
    for script in filter(Path.is_file, (image / "bin").iterdir()):
        first, _, rest = script.read_bytes().partition(b"\n")
        if first.startswith(b"#!") and b"python" in first:
            (commands / script.name).write_bytes(f"#!{room.seen(_LAYER)}/bin/python\n".encode() + rest)
            (commands / script.name).chmod(0o755)


def _show_system(room: Room) -> None:
    room.show(Path("/usr"), PurePosixPath("/usr"))
    for name in _SYSTEM:
        place = Path("/", name)
        if place.is_symlink():
            (room.root / name).symlink_to(os.readlink(place))
        elif place.is_dir():
            room.show(place, PurePosixPath(place))
    for name in _ETC:
        place = Path("/etc", name)
        if place.exists():
            room.show(place.resolve(), PurePosixPath(place))
    for name, text in _ETC_FILES.items():
        (room.root / "etc" / name).write_text(text, encoding="ascii")


def _hide(room: Room, scratch: Path) -> None:
    """Puts empty folders over what must not be seen, where it lies inside of something that is."""
    empty = scratch / "empty"
    empty.mkdir()
    hidden = {REPOSITORY, Path(tempfile.gettempdir()).resolve(), Path.home().resolve(), scratch.resolve()}
    for path in sorted(hidden):
        for source, target, _ in list(room.binds):
            if path != source and path.is_relative_to(source) and path.is_dir():
                room.binds.append((empty, target / path.relative_to(source), True))


def _environment(room: Room) -> dict[str, str]:
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    variables = {
        "PATH": f"{room.seen(_LAYER)}/bin:{system}",
        "HOME": str(room.seen(PurePosixPath("/root"))),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "KAGGLE_KERNEL_RUN_TYPE": "Batch",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # Without it, debugpy warns about frozen modules whenever a kernel starts.
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # Only one user exists in the run; tar would fail to give files to another.
        "TAR_OPTIONS": "--no-same-owner",
    }
    variables |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    drivers = [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path.startswith("/usr/")]
    variables["LD_LIBRARY_PATH"] = ":".join([str(room.seen(_PYTHON_LIBRARY)), *drivers])
    if not room.is_fenced:
        variables |= {INPUT_ROOT: str(room.seen(INPUT)), "TMPDIR": str(room.seen(PurePosixPath("/tmp")))}
        variables |= {"PIP_CONFIG_FILE": os.devnull, MARK: room.root.parent.name}
    return variables
