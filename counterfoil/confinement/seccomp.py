"""Filter system calls by seccomp: a process computes on what it has open, and every other call fails.

What is not on the list fails with EPERM, and so do all calls of other architectures (32-bit, x32), whose numbers mean
something else. A filter sees the address of an argument and not the path there, so no call that takes a path is
allowed, not even newfstatat, by which some C libraries ask about an open descriptor. New threads are allowed and new
processes are not; a call by whose pointer the kernel would decide (clone3) fails with ENOSYS, so that the C library
takes the one whose flags a filter sees.

Source: Documentation/userspace-api/seccomp_filter.rst of the kernel; its machine is that of McCanne & Jacobson 1993.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from counterfoil.confinement.system import audit_arch, call, number

_SET_MODE_FILTER, _GET_ACTION_AVAIL = 1, 2
_TSYNC: Final = 1  # all threads of the process, not the calling one alone
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_AT_NUMBER, _AT_ARCH, _AT_ARGUMENTS = 0, 4, 16  # in struct seccomp_data
_X32: Final = 0x40000000
_LOW: Final = 0xFFFFFFFF

_CLONE_THREAD: Final = 0x00010000
_OF_A_THREAD: Final = 0x007D0F00  # what C libraries ask for: all of memory, files, signals shared, and where its ids go
_PROT_EXEC: Final = 4
_F_GETFD, _F_GETFL = 1, 3


class Only(NamedTuple):
    """A condition of a call: this argument, masked by these bits, has this value."""

    argument: int
    bits: int
    value: int


COMPUTING: Final = (  # by how often they are made
    "read",
    "write",
    "lseek",
    "futex",
    "madvise",
    "munmap",
    "mremap",
    "brk",
    "fstat",
    "pread64",
    "readv",
    "writev",
    "close",
    "sched_yield",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "gettimeofday",
    "getrandom",
    "rt_sigprocmask",
    "rt_sigaction",
    "rt_sigreturn",
    "sigaltstack",
    "restart_syscall",
    "set_robust_list",
    "set_tid_address",
    "rseq",
    "getpid",
    "gettid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getcpu",
    "getrusage",
    "sched_getaffinity",
    "sysinfo",
    "uname",
    "exit",
    "exit_group",
)
"""Calls that reach nothing but the process's own memory and what it has open."""


def within() -> dict[str, tuple[Only, ...]]:
    """Return the calls that are allowed to this process under conditions."""
    return {
        "mmap": (Only(2, _PROT_EXEC, 0),),
        "mprotect": (Only(2, _PROT_EXEC, 0),),
        "clone": (Only(0, _LOW & ~_OF_A_THREAD | _CLONE_THREAD, _CLONE_THREAD),),
        "fcntl": (Only(1, _LOW & ~(_F_GETFD ^ _F_GETFL), _F_GETFD & _F_GETFL),),
        "prlimit64": (Only(2, _LOW << 32 | _LOW, 0),),  # ask for a limit, set none
        "tgkill": (Only(0, _LOW, os.getpid()),),  # abort
    }


def program(machine: str = "") -> bytes:
    """Assemble the filter for this process, in the kernel's form.

    Raises: OSError where the machine's numbers are not known.
    """
    refuse = [(_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    allow = [(_RETURN, 0, 0, _ALLOW)]
    lines = [(_LOAD, 0, 0, _AT_ARCH), (_EQUAL, 1, 0, audit_arch(machine)), *refuse]
    lines += [(_LOAD, 0, 0, _AT_NUMBER), (_AT_LEAST, 0, 1, _X32), *refuse]
    for name in COMPUTING:
        lines += [(_EQUAL, 0, 1, number(name, machine)), *allow]
    for name, conditions in within().items():
        checks = [*_checks(conditions), *allow]
        lines += [(_EQUAL, 0, len(checks), number(name, machine)), *checks]
    lines += [(_EQUAL, 0, 1, number("clone3", machine)), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS), *refuse]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _checks(conditions: Iterable[Only]) -> Iterable[tuple[int, int, int, int]]:
    for argument, bits, value in conditions:
        for half in (0, 1):
            if mask := bits >> 32 * half & _LOW:
                yield _LOAD, 0, 0, _AT_ARGUMENTS + 8 * argument + 4 * half
                yield _AND, 0, 0, mask
                yield _EQUAL, 1, 0, value >> 32 * half & _LOW
                yield _RETURN, 0, 0, _ERRNO | errno.EPERM


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_void_p))


def available() -> None:
    """Check that filters can be had. Raises: OSError unless the kernel has them and the machine is a known one."""
    audit_arch()
    call("seccomp", _GET_ACTION_AVAIL, 0, ctypes.byref(ctypes.c_uint32(_ERRNO)))


def restrict() -> None:
    """Install the filter in all threads of this process, for good. They must have given up gaining privileges.

    Raises: OSError, where the kernel lacks filters, too.
    """
    lines = program()
    held = ctypes.create_string_buffer(lines, len(lines))
    described = _Program(len(lines) // 8, ctypes.addressof(held))
    if thread := call("seccomp", _SET_MODE_FILTER, _TSYNC, ctypes.byref(described)):
        raise OSError(errno.EBUSY, f"thread {thread} has another filter")
