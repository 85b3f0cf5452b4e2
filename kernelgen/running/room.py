"""What a kernel sees of the world while it runs: Kaggle's folders, the image's packages, nothing of ours.

Everything is a folder on disk that belongs to one run and is removed after it. Files of the host appear in it as
read-only mounts in namespaces of the run's own, so they vanish with its last process.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from kernelgen.running.environment import BASE_PREFIX, SITE_PACKAGES, VERSION, RunEnvironment
from kernelgen.running.environment import HOME as REPOSITORY
from kernelgen.running.layouts import WORKING, Layout, Mount, make_place
from kernelgen.running.session import MARK

INPUT_ROOT = "KAGGLE_INPUT_ROOT"
HOSTNAME = "kaggle"

_LAYER = PurePosixPath("/opt/kernel")
_IMAGE = PurePosixPath("/opt/kaggle-image")
_PYTHON = PurePosixPath("/opt/python")
_PYTHON_LIBRARY = PurePosixPath("/opt/python-lib")
_PYTHON_COMMAND = f"bin/python{VERSION}"
_SOURCE = PurePosixPath("/kaggle/src")
_INPUT = PurePosixPath("/kaggle/input")

_EMPTY = "home mnt proc root run srv sys tmp var/log var/tmp dev etc kaggle/src opt/kernel opt/python-lib".split()
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
    """What shall be run. `layout` is "new" or "old", Kaggle's two ways to mount inputs."""

    notebook: bytes
    mounts: Sequence[Mount]
    layout: str
    folder: Path
    image: RunEnvironment
    environment: Mapping[str, str]


@dataclass
class Room:
    """A prepared run: what to start, and what of the host it sees where.

    `root` is the folder that becomes its root, if it is isolated. `binds` are triples of a file or folder of the host,
    its place in the root, and whether it is read-only; every place is there already.
    """

    root: Path
    environment: dict[str, str]
    command: list[str] = field(default_factory=list)
    binds: list[tuple[Path, PurePosixPath, bool]] = field(default_factory=list)

    def inside(self, place: PurePosixPath) -> Path:
        """The file or folder of the host that the run sees as `place`, unless something is bound over it."""
        return self.root / place.relative_to("/")

    def bind(self, source: Path, place: PurePosixPath, *, read_only: bool = True) -> None:
        """Shows `source` at `place`."""
        make_place(self.inside(place), source)
        self.binds.append((source, place, read_only))


def fenced_room(scratch: Path, plan: Plan) -> Room:
    """A run in a root of its own. `scratch` is an empty folder on disk."""
    inputs, packages = scratch / "input", _IMAGE / SITE_PACKAGES
    inputs.mkdir()
    room = Room(scratch / "root", _environment(_LAYER, "/root", plan.environment))
    for part in _EMPTY:
        (room.root / part).mkdir(parents=True)
    _bind_system(room)
    python = _bind_python(room)
    room.bind(plan.image.site_packages, packages)
    _hide(room, scratch)
    room.bind(plan.folder, WORKING, read_only=False)
    layout = Layout(plan.mounts, plan.layout, inputs)
    for number, folder in enumerate(layout.many):
        room.bind(folder, Layout.SEEN_MANY / str(number))
    # Its own places lie within it, so they are made in the folder, not in the root.
    room.bind(inputs, _INPUT)
    room.binds += [(source, _INPUT / target, True) for source, target in layout.binds]
    _make_layer(room.inside(_LAYER), plan.image, _LAYER, python, packages)
    room.command = _command(room.inside(_SOURCE), _SOURCE, _LAYER, plan.notebook, WORKING)
    return room


def open_room(scratch: Path, plan: Plan) -> Room:
    """The same run without isolation: inputs under the environment variable KAGGLE_INPUT_ROOT."""
    layer, home, temporary, inputs, source = (scratch / name for name in ("layer", "home", "tmp", "input", "src"))
    for folder in (layer, home, temporary, inputs, source):
        folder.mkdir()
    Layout(plan.mounts, plan.layout, inputs, is_open=True)
    _make_layer(layer, plan.image, layer, BASE_PREFIX / _PYTHON_COMMAND, plan.image.site_packages)
    variables = _environment(layer, str(home), plan.environment)
    variables |= {INPUT_ROOT: str(inputs), "TMPDIR": str(temporary), "PIP_CONFIG_FILE": os.devnull}
    variables[MARK] = scratch.name
    return Room(scratch, variables, _command(source, source, layer, plan.notebook, plan.folder))


def _make_layer(
    folder: Path, image: RunEnvironment, seen: PurePath, python: PurePath, image_packages: PurePath
) -> None:
    """Makes a throwaway virtual environment over the image's, for what a kernel installs itself.

    pip, which comes from the image, installs into the layer only, since the layer is Python's prefix. The run sees it
    as `seen`, made from `python`.
    """
    packages, commands = folder / SITE_PACKAGES, folder / "bin"
    packages.mkdir(parents=True)
    commands.mkdir()
    (folder / "lib64").symlink_to("lib")
    for name in ("python", "python3", f"python{VERSION}"):
        (commands / name).symlink_to(python)
    settings = f"home = {python.parent}\ninclude-system-site-packages = false\nversion = {VERSION}\n"
    (folder / "pyvenv.cfg").write_text(settings, encoding="utf-8")
    # addsitedir, not a bare path: the image's own .pth files have to be read as well.
    (packages / "image.pth").write_text(f"import site; site.addsitedir({str(image_packages)!r})\n", encoding="utf-8")
    # The image's Python commands (pip, papermill, accelerate …), run by the layer's Python.
    for script in (image.prefix / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        first, _, rest = script.read_bytes().partition(b"\n")
        if first.startswith(b"#!") and b"python" in first:
            (commands / script.name).write_bytes(f"#!{seen}/bin/python\n".encode() + rest)
            (commands / script.name).chmod(0o755)


def _bind_system(room: Room) -> None:
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


def _bind_python(room: Room) -> PurePosixPath:
    """Shows the base Python to the run; returns where it is there."""
    if BASE_PREFIX.is_relative_to("/usr"):
        return PurePosixPath(BASE_PREFIX, _PYTHON_COMMAND)
    room.bind(BASE_PREFIX, _PYTHON)
    # A Python built with a shared library looks for it where it was installed, which is not where it is now.
    for shared in (BASE_PREFIX / "lib").glob(f"libpython{VERSION}*.so*"):
        (room.inside(_PYTHON_LIBRARY) / shared.name).symlink_to(_PYTHON / "lib" / shared.name)
    known = room.environment.get("LD_LIBRARY_PATH")
    room.environment["LD_LIBRARY_PATH"] = ":".join(filter(None, [str(_PYTHON_LIBRARY), known]))
    return _PYTHON / _PYTHON_COMMAND


def _hide(room: Room, scratch: Path) -> None:
    """Puts empty folders over what must not be seen, where it lies inside of something that is."""
    empty = scratch / "empty"
    empty.mkdir()
    hidden = {REPOSITORY, Path(tempfile.gettempdir()).resolve(), Path.home().resolve(), scratch.resolve()}
    for path in sorted(hidden):
        for source, target, _ in list(room.binds):
            if path != source and path.is_relative_to(source) and path.is_dir():
                room.binds.append((empty, target / path.relative_to(source), True))


def _command(folder: Path, seen: PurePath, layer: PurePath, notebook: bytes, working: PurePath) -> list[str]:
    """Puts the notebook and the session's scripts to `folder`, which the run sees as `seen`; how to start it."""
    (folder / "notebook.ipynb").write_bytes(notebook)
    for script in ("session.py", "papermill_engine.py"):
        (folder / script).write_bytes(Path(__file__).with_name(script).read_bytes())
    python = str(layer / "bin" / "python")
    return [python, str(seen / "session.py"), str(seen / "notebook.ipynb"), str(working / "__notebook__.ipynb")]


def _environment(layer: PurePath, home: str, more: Mapping[str, str]) -> dict[str, str]:
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
