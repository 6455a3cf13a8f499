"""A process that is confined as the reader is and then tries what a stranger's code would try in it.

`python -m tests.unit.confinement.confined_child UID HOME PARENT ADDRESS` becomes the user, imports as the reader does,
and prints what came of each attempt: null where it worked, or the name of the error. HOME is a folder to do harm in,
PARENT a process with a secret at ADDRESS. With COUNTERFOIL_FREE it is not confined, so that the attempts are seen to
work.
"""

# The system calls themselves are tried.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH116, PTH208, PTH211, S103, S606

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from counterfoil import confinement
from counterfoil.confinement import seccomp, system
from counterfoil.data.reading import process, reader
from counterfoil.data.reading.confined import LIMITS

LIBC = ctypes.CDLL(None, use_errno=True)
LAST_NUMBER = 470
BUFFER, EMPTY_PATH = ctypes.create_string_buffer(256), 0x1000  # AT_EMPTY_PATH: the path may be empty, and need not
MEMORY, MOST_S = 8 << 30, 60
PROBES = {335, 336}  # the kernel answers these itself, before any filter: with SIGILL, as nobody traces us
# What no user, or only root, may do anywhere: how it fails without us is the kernel's business.
ELSEWHERE = {
    "exec", "join a namespace", "take a descriptor", "write memory", "compare processes", "trace", "io_uring", "bpf",
    "perf", "userfaultfd", "keyring", "mount", "namespace", "process in a namespace", "landlock", "chroot", "vfork",
    "raise another's limit", "queue a signal", "setxattr", "setxattr by descriptor", "new session", "another filter",
    "signal a thread of whatever process", "signal the parent's thread",
}  # fmt: skip
INT_80 = bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3])  # mov eax, 20 (getpid of 32-bit programs); int 0x80; ret


def raw(number: int, *arguments: Any) -> int:
    registers = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in arguments]
    LIBC.syscall.restype = ctypes.c_long
    return check(LIBC.syscall(ctypes.c_long(number), *registers))


def check(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def forked() -> None:
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)


def read_memory(parent: int, address: int) -> None:
    class Part(ctypes.Structure):
        _fields_ = (("at", ctypes.c_void_p), ("length", ctypes.c_size_t))

    held = ctypes.create_string_buffer(6)
    ours, theirs = Part(ctypes.addressof(held), 6), Part(address, 6)
    check(LIBC.process_vm_readv(parent, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0))
    assert held.raw == b"SECRET"


def executable() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def one_of(x86: int, arm: int) -> int:
    return {"x86_64": x86, "aarch64": arm}[platform.machine()]


def attempts(home: Path, parent: int, address: int, source: int) -> dict[str, Callable[[], object]]:
    """Each thing to try, once. What works changes the home, in this order."""
    key, table, out = home / "keys" / "sign.pem", home / "data" / "loans.csv", home / "exchange"
    other = home / "other"
    prlimit = one_of(302, 261)
    limits = (ctypes.c_uint64 * 2)(64, 64)
    return {
        "open": lambda: os.close(os.open(table, os.O_RDONLY)),
        "open a folder": lambda: os.close(os.open(home, os.O_PATH)),
        "openat2": lambda: os.close(raw(437, -100, str(table).encode(), (ctypes.c_uint64 * 3)(0, 0, 0), 24)),
        "create": lambda: os.close(os.open(out / "new", os.O_WRONLY | os.O_CREAT)),
        "stat": lambda: os.stat(table),
        "stat by a path beside a descriptor": lambda: raw(
            one_of(262, 79), -100, str(table).encode(), BUFFER, EMPTY_PATH
        ),
        "statx": lambda: raw(one_of(332, 291), -100, str(table).encode(), EMPTY_PATH, 0x7FF, BUFFER),
        "list": lambda: os.listdir(home),
        "access": lambda: LIBC.access(str(table).encode(), 0) and check(-1),
        "readlink": lambda: os.readlink(home / "link"),
        "link a key": lambda: os.link(key, out / "key"),
        "link a table": lambda: os.link(table, out / "table"),
        "symlink": lambda: os.symlink("cells", out / "cells"),
        "rename": lambda: os.rename(home / "moved", home / "gone"),
        "unlink": lambda: os.unlink(home / "doomed"),
        "truncate": lambda: os.truncate(other, 0),
        "chmod": lambda: os.chmod(other, 0o777),
        "chmod by descriptor": lambda: os.fchmod(source, 0o777),
        "chown": lambda: os.chown(other, os.getuid(), os.getgid()),
        "utime": lambda: os.utime(other, (1, 1)),
        "utime by descriptor": lambda: os.utime(source, (1, 1)),
        "setxattr": lambda: os.setxattr(other, "user.x", b"x"),
        "setxattr by descriptor": lambda: os.setxattr(source, "user.x", b"x"),
        "getxattr": lambda: os.listxattr(other),
        "mkdir": lambda: os.mkdir(out / "folder"),
        "rmdir": lambda: os.rmdir(home / "empty"),
        "mkfifo": lambda: os.mkfifo(out / "pipe"),
        "chdir": lambda: os.chdir(home),
        "chroot": lambda: os.chroot(home),
        "flock": lambda: fcntl.flock(source, fcntl.LOCK_SH),
        "duplicate a descriptor": lambda: os.close(os.dup(source)),
        "own a descriptor's signals": lambda: fcntl.fcntl(source, fcntl.F_SETOWN, parent),
        "pipe": lambda: list(map(os.close, os.pipe())),
        "memfd": lambda: os.close(os.memfd_create("x")),
        "fork": forked,
        "vfork": lambda: raw(one_of(56, 220), 0x4100 | signal.SIGCHLD, 0, 0, 0, 0) or os._exit(0),
        "spawn": lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0),
        "exec": lambda: os.execv("/nonexistent", ["x"]),
        "new session": os.setsid,
        "signal the parent": lambda: os.kill(parent, 0),
        "signal the parent's thread": lambda: raw(one_of(234, 131), parent, parent, 0),
        "signal a thread of whatever process": lambda: raw(one_of(200, 130), parent, 0),
        "queue a signal": lambda: raw(one_of(297, 240), parent, parent, 0, 0),
        "signal the group": lambda: os.kill(0, 0),
        "open a process": lambda: os.close(os.pidfd_open(parent)),
        "take a descriptor": lambda: raw(438, 0, 0, 0),
        "trace": lambda: raw(one_of(101, 117), 0x4206, parent, 0, 0),
        "read memory": lambda: read_memory(parent, address),
        "write memory": lambda: raw(one_of(311, 271), parent, 0, 0, 0, 0, 0),
        "compare processes": lambda: raw(one_of(312, 272), parent, parent, 0, 0, 0),
        "watch a process's limits": lambda: resource.prlimit(os.getpid(), resource.RLIMIT_NOFILE, (64, 64)),
        "raise a limit": lambda: raw(prlimit, 0, resource.RLIMIT_NOFILE, limits, 0),
        "raise another's limit": lambda: raw(prlimit, parent, resource.RLIMIT_NOFILE, limits, 0),
        "nice": lambda: os.nice(0),
        "socket": lambda: socket.socket().close(),
        "unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "socket pair": lambda: list(map(socket.socket.close, socket.socketpair())),
        "io_uring": lambda: raw(425, 1, (ctypes.c_uint64 * 15)()),
        "keyring": lambda: raw(one_of(250, 219), 0, -3, 1),
        "bpf": lambda: raw(one_of(321, 280), 0, 0, 0),
        "perf": lambda: raw(one_of(298, 241), 0, 0, -1, -1, 0),
        "userfaultfd": lambda: os.close(raw(one_of(323, 282), 1)),
        "mount": lambda: raw(one_of(165, 40), b"none", str(home).encode(), b"tmpfs", 0, 0),
        "namespace": lambda: raw(one_of(272, 97), 0x10000000),
        "join a namespace": lambda: raw(one_of(308, 268), source, 0),
        "process in a namespace": lambda: raw(one_of(56, 220), 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0),
        "shared memory": lambda: raw(one_of(29, 194), 0, 4096, 0o600),
        "message queue": lambda: raw(one_of(68, 186), 0, 0o600),
        "landlock": lambda: raw(444, 0, 0, 1),
        "another filter": lambda: raw(one_of(317, 277), 2, 0, ctypes.byref(ctypes.c_uint32(0x50000))),
        "dumpable": lambda: system.prctl(4, 1),
        "personality": lambda: raw(one_of(135, 92), 0xFFFFFFFF),
        "capabilities": lambda: raw(one_of(126, 91), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()),
        "become somebody": lambda: os.setuid(os.getuid()),
        "memory for code": executable,
    }


def outcome(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return None


def other_numbers() -> dict[int, str]:
    """Every system call that is on no list of ours, by number, and its error where that is not EPERM."""
    known = PROBES | {system.number(name) for name in (*seccomp.COMPUTING, *seccomp.within(), "clone3")}
    found = {}
    for number in range(LAST_NUMBER):
        if (
            number not in known
            and (error := outcome(lambda number=number: raw(number, -1, -1, -1, -1, -1, -1))) != "EPERM"
        ):
            found[number] = str(error)
    return found


def main() -> None:
    user, home, parent, address = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    free = "COUNTERFOIL_FREE" in os.environ
    signal.alarm(MOST_S)
    process.refuse_pandas()
    if os.getuid() != user:
        reader.warm_up()  # imports what root alone may be able to read here
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    source = os.open(home / "data" / "loans.csv", os.O_RDONLY)
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(INT_80)
    thirty_two = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    waiting, results = threading.Barrier(2), dict[str, Any]()
    attempts_ = attempts(home, parent, address, source)
    if not free:
        confinement.close_off()
        reader.warm_up()  # with threads of its own

    def in_a_thread() -> None:
        waiting.wait()
        results["an earlier thread opens"] = outcome(attempts_["open"])

    earlier = threading.Thread(target=in_a_thread)
    earlier.start()
    if not free:
        results["lacking"] = reader.confine(replace(LIMITS, memory=MEMORY))
    waiting.wait()
    earlier.join()
    results["attempts"] = {
        name: outcome(attempt) for name, attempt in attempts_.items() if not (free and name in ELSEWHERE)
    }
    if not free:
        results["others"] = other_numbers()
        results["clone3"] = outcome(lambda: raw(435, 0, 0))
    if platform.machine() == "x86_64":
        results["32-bit"] = thirty_two() if not free else 0
        results["x32"] = outcome(lambda: raw(0x40000000 | 39))
    with contextlib.suppress(RuntimeError):
        later = threading.Thread(target=lambda: results.update(later=os.read(source, 3).decode()))
        later.start()
        later.join()
    results["at its end"] = os.lseek(source, 0, os.SEEK_END)
    sys.stdout.write(json.dumps(results))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
