"""A run's room: what of the host it sees where, and the two ways to start it in a root of its own, without network.

By bubblewrap, else by util-linux's commands. Both write what the kernel should not see of the first process's command
line into a file. The run's root user has no capabilities; when the command's process dies, so does everything in it.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import IO

HOSTNAME = "kaggle"
NOTEBOOK = "__notebook__.ipynb"
WORKING = PurePosixPath("/kaggle/working")
INPUT = PurePosixPath("/kaggle/input")
SOURCE = PurePosixPath("/kaggle/src")

_GPU_DEVICES = ("nvidia*", "dri", "kfd", "dxg")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# Of the host's mounts, a namespace may not clear a flag. Below a folder of the system there may be mounts that cannot
# be touched; they are not writable for a kernel without capabilities. The folder itself has to be read-only.
# The shell stays as the first process and takes in orphans; without capabilities, for with them a kernel could mount
# its inputs anew, writable. In a container that hides parts of /sys only what it shows may be shown on.
_UTIL_LINUX = """\
set -e
ip link set lo up 2>/dev/null || ifconfig lo up
mount --bind {root} {root}
cd {root}
show() {{
    mount --rbind "$1" "$PWD$2"
}}
show_read_only() {{
    show "$1" "$2"
    findmnt --submounts --raw --noheadings --output TARGET,VFS-OPTIONS "$PWD$2" | while read -r point options; do
        point=$(printf %b "$point")
        mount -o "remount,bind,$options,ro,nosuid,nodev" "$point" || test "$point" != "$PWD$2"
    done
}}
{shown}
mkdir dev/shm dev/pts .old
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
ln -s pts/ptmx dev/ptmx
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t tmpfs -o nosuid,nodev,mode=1777 shm dev/shm
mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys 2>/dev/null || mount --rbind /sys sys
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
echo {hostname} > /proc/sys/kernel/hostname || :
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all \\
    sh -c '"$@"; exit $?' sh {command} "$@"
"""


@dataclass
class Room:
    """A prepared run. `root` is the folder that becomes its root where it is fenced.

    `binds` are triples of a file or folder of the host, its place in the root, and whether it is read-only; every
    place is there already. A run that is not fenced has a link in the place of each.
    """

    root: Path
    is_fenced: bool
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    binds: list[tuple[Path, PurePosixPath, bool]] = field(default_factory=list)

    def inside(self, place: PurePosixPath) -> Path:
        """The file or folder of the host that lies at `place` of the root."""
        return self.root / place.relative_to("/")

    def seen(self, place: PurePosixPath) -> PurePath:
        """The path by which the run knows it."""
        return place if self.is_fenced else self.inside(place)

    def show(self, source: Path, place: PurePosixPath, *, read_only: bool = True) -> None:
        """Lets the run find `source` at `place`."""
        target = self.inside(place)
        if self.is_fenced:
            make_place(target, source)
            self.binds.append((source, place, read_only))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)


def make_place(place: Path, source: Path) -> None:
    """Makes an empty folder or file over which `source` can be mounted."""
    if source.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


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
    """Starts the room by `unshare`, `mount`, `findmnt`, `pivot_root`, `setpriv`, and `ip` or `ifconfig`."""
    lines = []
    for device in [Path("/dev", name) for name in _DEVICES] + _gpu_devices():
        make_place(room.inside(PurePosixPath(device)), device)
        lines.append(shlex.join(["show", str(device), str(device)]))
    for source, place, read_only in room.binds:
        lines.append(shlex.join(["show_read_only" if read_only else "show", str(source), str(place)]))
    root, command, shown = shlex.quote(str(room.root.resolve())), shlex.join(room.command), "\n".join(lines)
    file.write(os.fsencode(_UTIL_LINUX.format(root=root, shown=shown, hostname=HOSTNAME, command=command)))
    namespaces = "--user --map-root-user --mount --net --pid --ipc --uts --fork --kill-child".split()
    return ["unshare", *namespaces, "sh", f"/proc/self/fd/{file.fileno()}"]


FENCES = (bubblewrap, util_linux)


def _gpu_devices() -> list[Path]:
    return [path for pattern in _GPU_DEVICES for path in sorted(Path("/dev").glob(pattern))]
