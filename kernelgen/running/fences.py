"""Ways to start a room in a root of its own without network: by bubblewrap, else by util-linux's commands.

Both give a command that inherits a file, in which they write what no command line should show: the kernel sees the
first process's. The run's root user has no capabilities; when the command's process dies, so does everything in it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from kernelgen.running.room import HOSTNAME, Room, make_place

_GPU_DEVICES = ("nvidia*", "dri", "kfd", "dxg")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}


def bubblewrap(room: Room, file: IO[bytes]) -> list[str]:
    """Starts the room by bubblewrap (`bwrap`)."""
    arguments = f"--unshare-all --unshare-user --uid 0 --gid 0 --hostname {HOSTNAME}".split()
    arguments += ["--die-with-parent", "--cap-drop", "ALL", "--bind", str(room.root), "/"]
    arguments += "--proc /proc --dev /dev --ro-bind /sys /sys".split()
    for device in _gpu_devices():
        arguments += ["--dev-bind", str(device), str(device)]
    for source, target, read_only in room.binds:
        arguments += ["--ro-bind" if read_only else "--bind", str(source), str(target)]
    file.write(b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
    return ["bwrap", "--args", str(file.fileno()), "--", *room.command]


def util_linux(room: Room, file: IO[bytes]) -> list[str]:
    """Starts the room by `unshare`, `mount`, `pivot_root`, `setpriv`, and `ip` or `ifconfig`."""
    script = ["set -e", "ip link set lo up 2>/dev/null || ifconfig lo up", *_mount_commands(room)]
    root = shlex.quote(str(room.root))
    script += [f"mkdir {root}/.old", f"cd {root}", "pivot_root . .old", "cd /", "umount -l /.old", "rmdir /.old"]
    script.append(f"echo {HOSTNAME} > /proc/sys/kernel/hostname || :")
    # The shell stays as the first process and takes in orphans; without capabilities, for with them a kernel could
    # mount its inputs anew, writable.
    inner = shlex.join(["sh", "-c", '"$@"; exit $?', "sh", *room.command])
    script.append(f'exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all {inner} "$@"')
    file.write(os.fsencode("\n".join(script)))
    namespaces = "--user --map-root-user --mount --net --pid --ipc --uts --fork --kill-child".split()
    return ["unshare", *namespaces, "sh", f"/proc/self/fd/{file.fileno()}"]


FENCES = (bubblewrap, util_linux)


def _mount_commands(room: Room) -> Iterator[str]:
    devices = room.root / "dev"
    for name, target in _DEVICE_LINKS.items():
        (devices / name).symlink_to(target)
    for name in ("shm", "pts"):
        (devices / name).mkdir()
    yield _mount("--bind", room.root, room.root)
    for device in [Path("/dev", name) for name in _DEVICES] + _gpu_devices():
        place = room.inside(PurePosixPath(device))
        make_place(place, device)
        yield _mount("--rbind", device, place)
    for source, seen, read_only in room.binds:
        place = room.inside(seen)
        yield _mount("--rbind", source, place)
        if read_only:
            yield from _read_only(source, place)
    yield _mount("-t", "proc", "-o", "nosuid,nodev,noexec", "proc", room.root / "proc")
    yield _mount("-t", "tmpfs", "-o", "nosuid,nodev,mode=1777", "shm", devices / "shm")
    yield _mount("-t", "devpts", "-o", "nosuid,noexec,newinstance,ptmxmode=0666,mode=620", "devpts", devices / "pts")
    # In a container that hides parts of /sys only what it shows may be shown on.
    system = room.root / "sys"
    fresh = _mount("-t", "sysfs", "-o", "ro,nosuid,nodev,noexec", "sysfs", system)
    yield f"{fresh} 2>/dev/null || {_mount('--rbind', '/sys', system)}"


def _read_only(source: Path, place: Path) -> Iterator[str]:
    """Mounts what is seen of `source` at `place` read-only, and what is mounted below it."""
    import psutil  # type: ignore[import-untyped]  # a package of the image; it ships no types

    points = [Path(partition.mountpoint) for partition in psutil.disk_partitions(all=True)]
    for point in [source, *(point for point in points if point != source and point.is_relative_to(source))]:
        # A namespace may not clear a flag of the host's mount.
        is_noexec = os.access(point, os.F_OK) and os.statvfs(point).f_flag & os.ST_NOEXEC
        options = "remount,bind,ro,nosuid,nodev" + (",noexec" if is_noexec else "")
        command = _mount("-o", options, place / point.relative_to(source))
        # Below the system's folders there may be mounts that cannot be touched; they are not writable for a kernel
        # without capabilities. What is asked for by name has to be read-only.
        yield command if point == source else f"{command} 2>/dev/null || :"


def _mount(*arguments: str | Path) -> str:
    return shlex.join(["mount", *map(str, arguments)])


def _gpu_devices() -> list[Path]:
    return [path for pattern in _GPU_DEVICES for path in sorted(Path("/dev").glob(pattern))]
