"""Landlock by bare system calls: from here on this process, and whatever it starts, may use no file, port or signal."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

CREATE, ADD_RULE, RESTRICT = 444, 445, 446
ASK_VERSION = 1
ALL_THREADS = 1 << 3
PATH_BENEATH = 1
# by version of the interface: file rights, port rights, scopes; later versions add nothing here
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
READ = 1 << 2 | 1 << 3
EXECUTE = 1 << 0
WRITE = 1 << 1
DEVICE = 1 << 15

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the kernel's version of the interface, 0 where there is none."""
    found = int(_libc.syscall(CREATE, None, ctypes.c_size_t(0), ASK_VERSION))
    return max(0, found)


def handled(abi: int) -> tuple[int, int, int]:
    """Return every file right, port right and scope that this version can take away."""
    files = (1 << FILE_RIGHTS.get(abi, 16)) - 1
    return files, 0b11 if abi >= 4 else 0, 0b11 if abi >= 6 else 0


def restrict(readable: Sequence[Path] = (), devices: Sequence[Path] = ()) -> int:
    """Give up every right but reading below some folders and using some devices; return the version, 0 if there is none."""
    abi = version()
    if not abi:
        return 0
    files, ports, scopes = handled(abi)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _checked(
        _libc.syscall(CREATE, ctypes.byref(_Ruleset(files, ports, scopes)), ctypes.c_size_t(size), 0)
    )
    for paths, rights in ((readable, READ | EXECUTE), (devices, READ | WRITE | DEVICE)):
        for path in paths:
            _allow(ruleset, path, rights & files)
    # before version 8 the rules hold for this thread and those that it starts; the system call filter holds for all
    _checked(_libc.syscall(RESTRICT, ruleset, ALL_THREADS if abi >= 8 else 0))
    os.close(ruleset)
    return abi


def _allow(ruleset: int, path: Path, rights: int) -> None:
    if not path.exists():
        return
    folder = path.is_dir()
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = _Beneath(rights if folder else rights & ~(1 << 3), parent)
    _checked(_libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0))
    os.close(parent)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock refused: {os.strerror(number)}")
    return result
