"""A filter of system calls for the decoding worker: what decoding needs, and nothing else.

Limits of resources do not bind root, and most containers run as root. The kernel's filter binds
everybody, cannot be taken off again, and covers every thread. Source: seccomp(2), Linux 3.17.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from typing import Any

# linux/seccomp.h, linux/prctl.h, linux/filter.h, asm/unistd.h
_NO_NEW_PRIVILEGES, _SET_FILTER, _ALL_THREADS = 38, 1, 1
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUALS, _HAS_BITS, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_EMPTY_PATH = 0x1000  # AT_EMPTY_PATH

# Reading and writing what is open, memory, time, locks, signals to oneself, the way out.
_X86_64: dict[str, Any] = {
    "plain": (
        *(0, 1, 3, 5, 7, 8, 17, 19, 20, 271),  # read write close fstat poll lseek … ppoll
        *(9, 10, 11, 12, 25, 28),  # mmap mprotect munmap brk mremap madvise
        *(202, 24, 204, 273, 324, 334),  # futex sched_yield sched_getaffinity … rseq
        *(13, 14, 15, 131, 219),  # rt_sigaction rt_sigprocmask rt_sigreturn … restart_syscall
        *(35, 96, 98, 100, 201, 228, 230),  # nanosleep … times clock_gettime clock_nanosleep
        *(39, 63, 97, 99, 110, 160, 186, 318),  # getpid uname getrlimit sysinfo … getrandom
        *(60, 231),  # exit exit_group
    ),
    "tgkill": 234,
    "prlimit64": 302,
    "newfstatat": 262,
    "seccomp": 317,
    "architecture": 0xC000003E,
}
_AARCH64: dict[str, Any] = {
    "plain": (
        *(63, 64, 57, 80, 62, 67, 65, 66, 73),
        *(222, 226, 215, 214, 216, 233),
        *(98, 124, 123, 99, 283, 293),
        *(134, 135, 139, 132, 128),
        *(101, 169, 165, 153, 113, 115),
        *(172, 160, 163, 179, 173, 164, 178, 278),
        *(93, 94),
    ),
    "tgkill": 131,
    "prlimit64": 261,
    "newfstatat": 79,
    "seccomp": 277,
    "architecture": 0xC00000B7,
}
_CALLS = {"x86_64": _X86_64, "aarch64": _AARCH64}


def allow_decoding_only() -> bool:
    """From here on every other system call fails with EPERM, in all threads of this process.

    No file is opened, renamed or removed, no socket, process or thread is made, no other process
    is touched or signalled. Returns False where the kernel or the platform has no such filter; then
    nothing has changed.
    """
    calls = _CALLS.get(platform.machine()) if sys.platform == "linux" else None
    if calls is None or sys.maxsize < 2**32:
        return False
    program = _program(calls, os.getpid())
    code = ctypes.create_string_buffer(b"".join(program))
    filter_ = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    )
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return libc.syscall(calls["seccomp"], _SET_FILTER, _ALL_THREADS, filter_) == 0


def _program(calls: dict[str, Any], own_pid: int) -> list[bytes]:
    """Instructions of classic BPF: each tests the call's number and ends at once where it fits."""
    program = [
        _load(_ARCHITECTURE_AT),
        _jump(_EQUALS, calls["architecture"], if_so=1, if_not=0),
        _end(_KILL),
        _load(_NUMBER_AT),
    ]
    for number in calls["plain"]:
        program += [_jump(_EQUALS, number, if_so=0, if_not=1), _end(_ALLOW)]
    for name, argument, test, value in (
        ("tgkill", 0, _EQUALS, own_pid),
        ("prlimit64", 0, _EQUALS, 0),
        ("newfstatat", 3, _HAS_BITS, _EMPTY_PATH),
    ):
        program += [
            _jump(_EQUALS, calls[name], if_so=0, if_not=4),
            _load(_ARGUMENTS_AT + 8 * argument),
            _jump(test, value, if_so=0, if_not=1),
            _end(_ALLOW),
            _end(_ERROR | errno.EPERM),
        ]
    return [*program, _end(_ERROR | errno.EPERM)]


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", _LOAD, 0, 0, offset)


def _jump(test: int, value: int, if_so: int, if_not: int) -> bytes:
    return struct.pack("HBBI", test, if_so, if_not, value)


def _end(answer: int) -> bytes:
    return struct.pack("HBBI", _RETURN, 0, 0, answer)
