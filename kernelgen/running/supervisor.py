"""Runs one command in a fresh root, or without one, and leaves no process behind.

A script of its own, run by a plain Python inside new namespaces; it imports nothing but the standard library.
Its standard input carries the plan, one line of JSON, and stays open: "stop" asks the command to end within
some seconds, and when it closes, however the caller ended, everything ends at once. What happens is told, a
line of JSON each, on the file descriptor that the plan names.
"""

import ctypes
import encodings.ascii  # noqa: F401  once the root has changed, modules that were not loaded are gone
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC = 32, 4096, 16384
MNT_DETACH = 2
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 36, 38, 24
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
OLD_ROOT = "/.old"

libc = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind, flags, data=None):
    encode = [None if value is None else os.fsencode(value) for value in (source, target, kind)]
    if libc.mount(*encode, ctypes.c_ulong(flags), None if data is None else data.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"cannot mount {source} at {target}: {os.strerror(number)}")


def bring_loopback_up():
    # The kernel process and papermill talk through it.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("16xh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def mount_points():
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            path = line.split(" ")[4]
            for escaped, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
                path = path.replace(escaped, plain)
            yield path


def make_read_only(targets):
    """Remounts everything at and below `targets` read-only, with the flags that a namespace may not clear."""
    targets = set(targets)
    for path in mount_points():
        parent = path
        while parent not in targets and parent != "/":
            parent = os.path.dirname(parent)
        if parent not in targets:
            continue
        try:
            kept = os.statvfs(path).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)
            mount(None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | kept)
        except OSError:
            # Below the system's folders there may be mounts that cannot be touched; they are not writable
            # for a kernel without capabilities. What was asked for by name has to be read-only.
            if path in targets:
                raise


def enter_root(plan):
    root = plan["root"]
    mount(root, root, None, MS_BIND)
    for source, target, _ in plan["binds"]:
        mount(source, root + target, None, MS_BIND | MS_REC)
    make_read_only([root + target for _, target, read_only in plan["binds"] if read_only])
    mount("proc", root + "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("shm", root + "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    mount("devpts", root + "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    try:
        mount("sysfs", root + "/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except OSError:
        # In a container that hides parts of /sys only what it shows may be shown on.
        mount("/sys", root + "/sys", None, MS_BIND | MS_REC)
        make_read_only([root + "/sys"])
    os.mkdir(root + OLD_ROOT)
    os.chdir(root)
    number = PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(f"no pivot_root known for {os.uname().machine}")
    if libc.syscall(number, os.fsencode(root), os.fsencode(root + OLD_ROOT)):
        raise OSError(ctypes.get_errno(), "pivot_root: " + os.strerror(ctypes.get_errno()))
    os.chdir("/")
    if libc.umount2(os.fsencode(OLD_ROOT), MNT_DETACH):
        raise OSError(ctypes.get_errno(), "umount of the old root: " + os.strerror(ctypes.get_errno()))
    os.rmdir(OLD_ROOT)
    try:
        socket.sethostname(plan["hostname"])
    except OSError:
        pass


def drop_capabilities():
    # With them, a kernel could remount its inputs writable.
    with open("/proc/sys/kernel/cap_last_cap", encoding="utf-8") as file:
        last = int(file.read())
    for capability in range(last + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = struct.pack("Ii", 0x20080522, 0)
    if libc.capset(header, bytes(24)):
        raise OSError(ctypes.get_errno(), "capset: " + os.strerror(ctypes.get_errno()))


def descendants():
    """All processes below this one; orphans among them hang on it as well, since it adopts them."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    family = {os.getpid()}
    while True:
        more = {child for child, parent in parents.items() if parent in family} - family
        if not more:
            return family - {os.getpid()}
        family |= more


def kill_all():
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for process in descendants():
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def supervise(command, control, wake, grace):
    """Waits for the command, takes in orphans, obeys the caller. Returns the exit status."""
    kill_at = None
    while True:
        timeout = None if kill_at is None else max(0.0, kill_at - time.monotonic())
        ready, _, _ = select.select([control, wake], [], [], timeout)
        if kill_at is not None and time.monotonic() >= kill_at:
            return 128 + signal.SIGKILL
        if control in ready:
            order = os.read(control, 4096)
            if not order:
                return 128 + signal.SIGKILL
            if b"stop" in order and kill_at is None:
                kill_at = time.monotonic() + grace
                os.kill(command, signal.SIGTERM)
        if wake in ready:
            os.read(wake, 4096)
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 1
            if not process:
                break
            if process == command:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code


def read_plan(control):
    text = b""
    while not text.endswith(b"\n"):
        more = os.read(control, 1 << 16)
        if not more:
            sys.exit(1)
        text += more
    return json.loads(text)


def main():
    control = 0
    plan = read_plan(control)

    def tell(**what):
        os.write(plan["report"], (json.dumps(what) + "\n").encode())

    wake, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        if plan["root"]:
            bring_loopback_up()
            enter_root(plan)
            drop_capabilities()
        else:
            libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except OSError as error:
        tell(event="no-root", reason=error.args[-1] if len(error.args) < 2 else error.strerror or str(error))
        return 1
    tell(event="started")
    command = subprocess.Popen(
        plan["command"],
        cwd=plan["cwd"],
        env=plan["environment"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        pass_fds=[plan["report"]],
    )
    try:
        return supervise(command.pid, control, wake, plan["grace"])
    finally:
        kill_all()


if __name__ == "__main__":
    sys.exit(main())
