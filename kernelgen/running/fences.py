"""Ways to start a room in a root of its own without network: by bubblewrap, else by util-linux's commands.

Both give a command that inherits a file, in which they write what no command line should show: the kernel sees the
first process's. The run's root user has no capabilities; when the command's process dies, so does everything in it.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path, PurePosixPath
from typing import IO

from kernelgen.running.room import HOSTNAME, Room, make_place

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
