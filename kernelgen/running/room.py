"""What a kernel sees of the world while it runs: Kaggle's folders, the image's packages, nothing of ours.

Everything is a folder on disk that belongs to one run and is removed after it. Files of the host appear in it as
read-only mounts in namespaces of the run's own, so they vanish with its last process.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from kernelgen.running.environment import HOME as REPOSITORY
from kernelgen.running.environment import RunEnvironment, site_packages_of
from kernelgen.running.inputs import WORKING, Layout, Mount
from kernelgen.running.layer import Places, make_layer
from kernelgen.running.leftovers import MARK

INPUT_ROOT = "KAGGLE_INPUT_ROOT"
HOSTNAME = "kaggle"

_LAYER = PurePosixPath("/opt/kernel")
_IMAGE = PurePosixPath("/opt/kaggle-image")
_PYTHON = PurePosixPath("/opt/python")
_PYTHON_LIBRARY = PurePosixPath("/opt/python-lib")
_SOURCE = PurePosixPath("/kaggle/src")
_INPUT = PurePosixPath("/kaggle/input")

_EMPTY = "home mnt opt proc run srv sys usr var/log dev kaggle/input kaggle/working kaggle/src".split()
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# What programs look up: linker, certificates, fonts, drivers. The host's own settings (pip's, say) stay out.
_ETC = (
    "alternatives fonts glvnd ld.so.cache ld.so.conf ld.so.conf.d ca-certificates.conf mime.types nvidia "
    "nvidia-container-runtime OpenCL os-release protocols services ssl vulkan"
).split()
_ETC_FILES = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hosts": f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n",
    "hostname": f"{HOSTNAME}\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "resolv.conf": "",
}
# What a person may set to steer a run, passed on as it is.
_PASSED_ON = (
    "KAGGLE_IS_COMPETITION_RERUN CUDA_VISIBLE_DEVICES CUDA_DEVICE_ORDER NVIDIA_VISIBLE_DEVICES "
    "NVIDIA_DRIVER_CAPABILITIES HIP_VISIBLE_DEVICES OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS "
    "NUMEXPR_NUM_THREADS"
).split()


@dataclass(frozen=True)
class Plan:
    """What shall be run: a notebook on its inputs, in a working folder, with the image's packages.

    `layout` is "new" or "old", Kaggle's two ways to mount inputs.
    """

    notebook: bytes
    mounts: Sequence[Mount]
    layout: str
    folder: Path
    image: RunEnvironment
    environment: Mapping[str, str]


@dataclass
class Room:
    """A prepared run: what to start, and what of the host it sees where.

    `root` is the folder that becomes its root, None where nothing is isolated. `binds` are triples of a file or
    folder of the host, its place in the root, and whether it is read-only; every place is there already.
    """

    root: Path | None
    command: list[str]
    working: str
    environment: dict[str, str]
    binds: list[tuple[Path, PurePosixPath, bool]] = field(default_factory=list)

    def bind(self, source: Path, target: PurePosixPath, *, read_only: bool = True) -> None:
        """Shows `source` at `target`."""
        assert self.root is not None
        place = self.root / target.relative_to("/")
        if source.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        self.binds.append((source, target, read_only))


def fenced_room(scratch: Path, plan: Plan) -> Room:
    """A run in a root of its own. `scratch` is an empty folder on disk."""
    root, inputs = scratch / "root", scratch / "input"
    for part in _EMPTY:
        (root / part).mkdir(parents=True)
    for part, mode in (("root", 0o700), ("tmp", 0o1777), ("var/tmp", 0o1777)):
        (root / part).mkdir()
        (root / part).chmod(mode)
    inputs.mkdir()
    room = Room(root, [], str(WORKING), _environment(Path(_LAYER), "/root", plan.environment))
    _bind_system(room)
    base_python = _bind_python(room, plan.image)
    packages = _IMAGE / site_packages_of(plan.image.version)
    room.bind(plan.image.site_packages, packages)
    _hide(room, scratch)
    room.bind(plan.folder, WORKING, read_only=False)
    layout = Layout(plan.mounts, plan.layout, inputs)
    for number, folder in enumerate(layout.many):
        room.bind(folder, Layout.SEEN_MANY / str(number))
    # Its own places lie within it, so they are made in the folder, not in the root.
    room.bind(inputs, _INPUT)
    room.binds += [(source, _INPUT / target, True) for source, target in layout.binds]
    make_layer(root / _LAYER.relative_to("/"), plan.image, Places(Path(_LAYER), Path(base_python), Path(packages)))
    room.command = _command(root / _SOURCE.relative_to("/"), Path(_SOURCE), Path(_LAYER), plan.notebook, Path(WORKING))
    return room


def open_room(scratch: Path, plan: Plan) -> Room:
    """The same run without isolation: inputs under the environment variable KAGGLE_INPUT_ROOT."""
    layer, home, temporary, inputs, source = (scratch / name for name in ("layer", "home", "tmp", "input", "src"))
    for made in (home, temporary, inputs, source):
        made.mkdir()
    Layout(plan.mounts, plan.layout, inputs, most_binds=None).link()
    make_layer(layer, plan.image, Places(layer, plan.image.base_python, plan.image.site_packages))
    variables = _environment(layer, str(home), plan.environment)
    variables |= {INPUT_ROOT: str(inputs), "TMPDIR": str(temporary), "PIP_CONFIG_FILE": os.devnull}
    variables[MARK] = scratch.name
    command = _command(source, source, layer, plan.notebook, plan.folder)
    return Room(None, command, str(plan.folder), variables)


def _bind_system(room: Room) -> None:
    assert room.root is not None
    room.bind(Path("/usr"), PurePosixPath("/usr"))
    for name in _SYSTEM:
        place = Path("/", name)
        if place.is_symlink():
            (room.root / name).symlink_to(os.readlink(place))
        elif place.is_dir():
            room.bind(place, PurePosixPath(place))
    for name in _ETC:
        place = Path("/etc", name)
        if place.exists():
            room.bind(place.resolve(), PurePosixPath(place))
    for name, text in _ETC_FILES.items():
        (room.root / "etc" / name).write_text(text, encoding="ascii")


def _bind_python(room: Room, image: RunEnvironment) -> PurePosixPath:
    """Shows the base Python to the run; returns where it is there."""
    assert room.root is not None
    if image.base_prefix.is_relative_to("/usr"):
        return PurePosixPath(image.base_python)
    room.bind(image.base_prefix, _PYTHON)
    # A Python built with a shared library looks for it where it was installed, which is not where it is now.
    folder = room.root / _PYTHON_LIBRARY.relative_to("/")
    for shared in (image.base_prefix / "lib").glob(f"libpython{image.version[0]}.{image.version[1]}*.so*"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / shared.name).symlink_to(_PYTHON / "lib" / shared.name)
    if folder.exists():
        known = room.environment.get("LD_LIBRARY_PATH")
        room.environment["LD_LIBRARY_PATH"] = ":".join(filter(None, [str(_PYTHON_LIBRARY), known]))
    return _PYTHON / "bin" / image.base_python.name


def _hide(room: Room, scratch: Path) -> None:
    """Puts empty folders over what must not be seen, where it lies inside of something that is."""
    empty = scratch / "empty"
    empty.mkdir()
    hidden = {REPOSITORY, Path(tempfile.gettempdir()).resolve(), Path.home().resolve(), scratch.resolve()}
    for path in sorted(hidden):
        for source, target, _ in list(room.binds):
            if path != source and path.is_relative_to(source) and path.is_dir():
                room.binds.append((empty, target / path.relative_to(source), True))


def _command(here: Path, seen: Path, layer: Path, notebook: bytes, working: Path) -> list[str]:
    """Puts the notebook and the session's scripts to `here`, which the run sees as `seen`; how to start it."""
    (here / "notebook.ipynb").write_bytes(notebook)
    for script in ("session.py", "papermill_engine.py", "leftovers.py"):
        (here / script).write_bytes(Path(__file__).with_name(script).read_bytes())
    python = str(layer / "bin" / "python")
    return [python, str(seen / "session.py"), str(seen / "notebook.ipynb"), str(working / "__notebook__.ipynb")]


def _environment(layer: Path, home: str, more: Mapping[str, str]) -> dict[str, str]:
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    variables = {
        "PATH": f"{layer / 'bin'}:{system}",
        "HOME": home,
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
    if drivers:
        variables["LD_LIBRARY_PATH"] = ":".join(drivers)
    return variables | dict(more)
