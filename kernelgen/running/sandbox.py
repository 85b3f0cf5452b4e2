"""The fresh root that a kernel runs in: Kaggle's folders, the image's packages, no network, nothing of ours.

Everything is a folder on disk that belongs to one run and is removed after it. Files of the host appear in it
as read-only bind mounts in namespaces of the run's own (`unshare`), so they vanish with its last process.
"""

from __future__ import annotations

import os
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kernelgen.running.environment import HOME as REPOSITORY
from kernelgen.running.environment import RunEnvironment, site_packages_of
from kernelgen.running.inputs import Mount, lay_out, link_inputs
from kernelgen.running.layer import Places, make_layer

NO_SANDBOX = "KERNELGEN_NO_SANDBOX"
INPUT_ROOT = "KAGGLE_INPUT_ROOT"
HOSTNAME = "kaggle"
NAMESPACES = (
    "--user",
    "--map-root-user",
    "--mount",
    "--net",
    "--pid",
    "--ipc",
    "--uts",
    "--fork",
    "--kill-child",
)

_LAYER = PurePosixPath("/opt/kernel")
_IMAGE = PurePosixPath("/opt/kaggle-image")
_PYTHON = PurePosixPath("/opt/python")
_PYTHON_LIBRARY = PurePosixPath("/opt/python-lib")
_SOURCE = PurePosixPath("/kaggle/src")
_WORKING = PurePosixPath("/kaggle/working")
_INPUT = PurePosixPath("/kaggle/input")

_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
# What programs look up: linker, certificates, fonts, drivers. The host's own settings (pip's, say) stay out.
_ETC = (
    "alternatives",
    "fonts",
    "glvnd",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ca-certificates.conf",
    "mime.types",
    "nvidia",
    "nvidia-container-runtime",
    "OpenCL",
    "os-release",
    "protocols",
    "services",
    "ssl",
    "vulkan",
)
_ETC_FILES = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hosts": f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n",
    "hostname": f"{HOSTNAME}\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "resolv.conf": "",
}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_GPU_DEVICES = ("nvidia*", "dri", "kfd", "dxg")
# What a person may set to steer a run, passed on as it is.
_PASSED_ON = (
    "KAGGLE_IS_COMPETITION_RERUN",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "HIP_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True)
class Room:
    """A prepared run: what to start, with which environment, and how it is fenced in.

    `prefix` comes before the supervisor's own command line; `root` is None where nothing is isolated.
    """

    prefix: tuple[str, ...]
    root: Path | None
    binds: tuple[tuple[str, str, bool], ...]
    command: tuple[str, ...]
    cwd: str
    environment: dict[str, str]


def fenced_room(
    scratch: Path,
    notebook: Path,
    mounts: Sequence[Mount],
    layout: str,
    folder: Path,
    image: RunEnvironment,
    environment: Mapping[str, str],
) -> Room:
    """A run in a root of its own. `scratch` is an empty folder on disk, `folder` becomes /kaggle/working."""
    root, skeleton = scratch / "root", scratch / "input"
    for part in (
        "dev/pts",
        "dev/shm",
        "etc",
        "home",
        "mnt",
        "opt",
        "proc",
        "run",
        "srv",
        "sys",
        "usr",
        "var/log",
    ):
        (root / part).mkdir(parents=True)
    for part in (_INPUT, _WORKING, _SOURCE):
        (root / part.relative_to("/")).mkdir(parents=True)
    for part, mode in (("root", 0o700), ("tmp", 0o1777), ("var/tmp", 0o1777)):
        (root / part).mkdir(parents=True)
        (root / part).chmod(mode)
    skeleton.mkdir()

    binds = [*_system(root), *_devices(root)]
    base_python, library_path, python_binds = _python(root, image)
    packages = _IMAGE / site_packages_of(image.version)
    binds += [*python_binds, _bind(root, image.site_packages, packages)]
    binds += _hidden(root, scratch, binds)
    binds += [(str(folder.resolve()), str(_WORKING), False), (str(skeleton), str(_INPUT), True)]
    for bind in lay_out(mounts, layout, skeleton):
        binds.append((str(bind.source), str(_INPUT / bind.target), True))

    seen = Places(Path(_LAYER), Path(base_python), Path(packages))
    make_layer(root / _LAYER.relative_to("/"), image, seen)
    command = _command(root / _SOURCE.relative_to("/"), Path(_SOURCE), Path(_LAYER), notebook, Path(_WORKING))
    variables = _environment(Path(_LAYER), "/root", environment)
    if library_path:
        variables["LD_LIBRARY_PATH"] = ":".join(filter(None, [library_path, variables.get("LD_LIBRARY_PATH")]))
    prefix = ("unshare", *NAMESPACES)
    return Room(prefix, root, tuple(binds), command, str(_WORKING), variables)


def open_room(
    scratch: Path,
    notebook: Path,
    mounts: Sequence[Mount],
    layout: str,
    folder: Path,
    image: RunEnvironment,
    environment: Mapping[str, str],
) -> Room:
    """The same run without isolation: inputs under the environment variable KAGGLE_INPUT_ROOT."""
    layer, home, temporary, inputs = (scratch / name for name in ("layer", "home", "tmp", "input"))
    source = scratch / "src"
    for made in (home, temporary, inputs, source):
        made.mkdir()
    link_inputs(mounts, layout, inputs)
    make_layer(layer, image, Places(layer, image.base_python, image.site_packages))
    command = _command(source, source, layer, notebook, folder.resolve())
    variables = _environment(layer, str(home), environment)
    variables |= {INPUT_ROOT: str(inputs), "TMPDIR": str(temporary), "PIP_CONFIG_FILE": os.devnull}
    return Room((), None, (), command, str(folder.resolve()), variables)


def scratch_parent(folder: Path) -> Path:
    """Where temporary files go: on disk, for they may be many gigabytes, and where programs may run."""
    wanted = [os.environ.get("TMPDIR"), "/var/tmp", tempfile.gettempdir()]
    for place in [Path(name) for name in wanted if name]:
        usable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
        if usable and not os.statvfs(place).f_flag & os.ST_NOEXEC:
            return place
    return folder.parent


def _system(root: Path) -> list[tuple[str, str, bool]]:
    binds = [_bind(root, Path("/usr"), PurePosixPath("/usr"))]
    for name in _SYSTEM:
        place = Path("/", name)
        if place.is_symlink():
            (root / name).symlink_to(os.readlink(place))
        elif place.is_dir():
            binds.append(_bind(root, place, PurePosixPath(place)))
    for name in _ETC:
        place = Path("/etc", name)
        if place.exists():
            binds.append(_bind(root, place.resolve(), PurePosixPath(place)))
    for name, text in _ETC_FILES.items():
        (root / "etc" / name).write_text(text, encoding="ascii")
    return binds


def _devices(root: Path) -> list[tuple[str, str, bool]]:
    host = Path("/dev")
    found = [host / name for name in _DEVICES if (host / name).exists()]
    found += [path for pattern in _GPU_DEVICES for path in sorted(host.glob(pattern))]
    for name, target in (
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ):
        (root / "dev" / name).symlink_to(target)
    return [(*_bind(root, path, PurePosixPath(path))[:2], False) for path in found]


def _python(root: Path, image: RunEnvironment) -> tuple[PurePosixPath, str, list[tuple[str, str, bool]]]:
    """Where the run sees the base Python, the library path that it needs, and what to bind for it."""
    name = image.base_python.name
    if image.base_prefix.is_relative_to("/usr"):
        return PurePosixPath(image.base_python), "", []
    binds = [_bind(root, image.base_prefix, _PYTHON)]
    # A Python built with a shared library looks for it where it was installed, which is not where it is now.
    shared = sysconfig.get_config_var("Py_ENABLE_SHARED") and sysconfig.get_config_var("INSTSONAME")
    if not shared or not (image.base_prefix / "lib" / shared).exists():
        return _PYTHON / "bin" / name, "", binds
    folder = root / _PYTHON_LIBRARY.relative_to("/")
    folder.mkdir(parents=True)
    (folder / shared).symlink_to(_PYTHON / "lib" / shared)
    return _PYTHON / "bin" / name, str(_PYTHON_LIBRARY), binds


def _hidden(root: Path, scratch: Path, binds: Sequence[tuple[str, str, bool]]) -> list[tuple[str, str, bool]]:
    """Empty folders over what must not be seen, where it lies inside of something that is."""
    empty = scratch / "empty"
    empty.mkdir()
    hidden = {REPOSITORY, Path(tempfile.gettempdir()).resolve(), Path.home().resolve(), scratch.resolve()}
    found = []
    for path in sorted(hidden):
        for source, target, _ in binds:
            if path != Path(source) and path.is_relative_to(source) and path.is_dir():
                found.append((str(empty), str(PurePosixPath(target) / path.relative_to(source)), True))
    return found


def _bind(root: Path, source: Path, target: PurePosixPath) -> tuple[str, str, bool]:
    """A read-only bind of `source`, with the place in the root that it needs."""
    place = root / target.relative_to("/")
    if source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return str(source), str(target), True


def _command(here: Path, seen: Path, layer: Path, notebook: Path, working: Path) -> tuple[str, ...]:
    """Puts the notebook and the session's script to `here`, which the run sees as `seen`; how to start it."""
    (here / "notebook.ipynb").write_bytes(notebook.read_bytes())
    session = Path(__file__).with_name("session.py")
    (here / "session.py").write_bytes(session.read_bytes())
    python = str(layer / "bin" / "python")
    return (
        python,
        str(seen / "session.py"),
        str(seen / "notebook.ipynb"),
        str(working / "__notebook__.ipynb"),
    )


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
