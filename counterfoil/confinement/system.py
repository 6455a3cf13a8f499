"""Make system calls that Python lacks, by their numbers on x86-64 and ARM64. Knows nothing of why they are made."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from typing import Any, Final

_X86_64, _ARM64 = "x86_64", "aarch64"
_COLUMNS: Final = (_X86_64, _ARM64)
_AUDIT_ARCHES: Final = {_X86_64: 0xC000003E, _ARM64: 0xC00000B7}  # AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64

NUMBERS: Final[dict[str, tuple[int, int]]] = {
    "brk": (12, 214),
    "capget": (125, 90),
    "capset": (126, 91),
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "clone": (56, 220),
    "clone3": (435, 435),
    "close": (3, 57),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "fcntl": (72, 25),
    "fstat": (5, 80),
    "futex": (202, 98),
    "getcpu": (309, 168),
    "getegid": (108, 177),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "getuid": (102, 174),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
    "lseek": (8, 62),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "pread64": (17, 67),
    "prlimit64": (302, 261),
    "read": (0, 63),
    "readv": (19, 65),
    "restart_syscall": (219, 128),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "seccomp": (317, 277),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "sigaltstack": (131, 132),
    "sysinfo": (99, 179),
    "tgkill": (234, 131),
    "uname": (63, 160),
    "write": (1, 64),
    "writev": (20, 66),
}

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def audit_arch(machine: str = "") -> int:
    """Return the architecture's number in filters. Raises: OSError (ENOSYS) where its numbers are not known here."""
    machine = machine or platform.machine()
    if sys.platform == "linux" and sys.byteorder == "little" and sys.maxsize > 2**32 and machine in _AUDIT_ARCHES:
        return _AUDIT_ARCHES[machine]
    raise OSError(errno.ENOSYS, f"system calls of {sys.platform} on {machine} are not known")


def number(name: str, machine: str = "") -> int:
    """Look up the number of the system call. Raises: OSError (ENOSYS) where it is not known here."""
    machine = machine or platform.machine()
    audit_arch(machine)
    return NUMBERS[name][_COLUMNS.index(machine)]


def call(name: str, *arguments: Any) -> int:
    """Make the system call; integers, None and ctypes objects are passed on as whole registers. Raises: OSError."""
    registers = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in arguments]
    return _checked(_LIBC.syscall(ctypes.c_long(number(name)), *registers))


def prctl(option: int, *arguments: int) -> int:
    """Change how the kernel treats this process. Raises: OSError."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, f"{sys.platform} has no prctl")
    padded = [*arguments, *(4 - len(arguments)) * (0,)]
    return _checked(_LIBC.prctl(option, *map(ctypes.c_ulong, padded)))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
