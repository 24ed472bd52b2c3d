"""The cage around a process that opens strangers' models: no file, no network, no other process, no root."""

from __future__ import annotations

import os
import resource
import socket
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import landlock, seccomp

# far from the ids that machines give to people and containers; the process id makes it the runner's own
FIRST_USER = 0x70000000
NOBODY = 65534
OPEN_FILES = 2048
"""A model may come with a thousand data files."""
THREADS = 512
DEVICES = (
    "/dev/nvidiactl",
    "/dev/nvidia-uvm",
    "/dev/nvidia-uvm-tools",
    "/dev/nvidia-caps",
    "/dev/null",
    "/dev/zero",
)
LIBRARIES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/opt", "/proc/self", "/proc/driver", "/proc/cpuinfo",
             "/proc/meminfo", "/proc/devices", "/sys/devices", "/sys/bus/pci", "/sys/module")  # fmt: skip


@dataclass(frozen=True)
class Fences:
    """What a runner may take in its whole life; what a job may take, its supervisor watches."""

    memory: int = 0
    """Bytes of address space on the CPU; 0: no bound."""
    file: int = 0
    """Bytes of one file that is written; 0: no bound."""


@dataclass
class Cage:
    """What keeps the process in: the version of Landlock, the filter, the user; `open` names what it can still do."""

    landlock: int = 0
    seccomp: bool = False
    user: int = 0
    open: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the cage as fields."""
        return asdict(self)


def close(fences: Fences, provider: str = "cpu") -> Cage:
    """Close the cage around this process, then try its walls from inside; a GPU's driver keeps its files and devices."""
    gpu = provider != "cpu"
    cage = Cage()
    _fence(fences, gpu=gpu)
    seccomp.no_new_privileges()
    _wall(cage, "Landlock", lambda: _landlock(cage, gpu=gpu))
    _wall(cage, "root", _drop_root)
    _wall(cage, "seccomp", lambda: _seccomp(cage, gpu=gpu))
    cage.user = os.geteuid()
    cage.open += [
        name for name, attempt in _ATTEMPTS.items() if not (gpu and name == "files") and _works(attempt)
    ]
    return cage


def _wall(cage: Cage, name: str, build: Callable[[], None]) -> None:
    try:
        build()
    except OSError as e:
        cage.open.append(f"{name}: {e.strerror}")


def _landlock(cage: Cage, *, gpu: bool) -> None:
    cage.landlock = landlock.restrict(*(_driver() if gpu else ()))
    if gpu and not cage.landlock:
        cage.open.append("files: this kernel has no Landlock")


def _seccomp(cage: Cage, *, gpu: bool) -> None:
    cage.seccomp = seccomp.restrict(files=gpu)
    if not cage.seccomp:
        cage.open.append("seccomp: it is not written out for this processor")


def _driver() -> tuple[list[Path], list[Path]]:
    """Return what a GPU's driver opens while it runs: libraries to read, devices to use."""
    packages = [Path(sysconfig.get_paths()[name]) for name in ("purelib", "platlib", "stdlib")]
    cards = sorted(Path("/dev").glob("nvidia[0-9]*"))
    return [*map(Path, LIBRARIES), *packages, Path(sys.base_prefix)], [*map(Path, DEVICES), *cards]


def _fence(fences: Fences, *, gpu: bool) -> None:
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_NOFILE, OPEN_FILES)
    if fences.file:
        _bound(resource.RLIMIT_FSIZE, fences.file)
    if fences.memory and not gpu:
        # a GPU's driver reserves address space by the terabyte
        _bound(resource.RLIMIT_AS, fences.memory)


def _bound(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _drop_root() -> None:
    if os.geteuid() != 0:
        return
    # this bound counts a user's threads on the whole machine: it means something for a user of our own only
    _bound(resource.RLIMIT_NPROC, THREADS)
    os.setgroups([])
    try:
        _become(FIRST_USER + os.getpid())
    except OSError:
        # a user namespace in which that id does not exist
        _become(NOBODY)


def _become(user: int) -> None:
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _works(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _open_file() -> None:
    os.close(os.open("/", os.O_RDONLY))


def _open_socket() -> None:
    socket.socket(socket.AF_UNIX).close()


def _signal_parent() -> None:
    os.kill(os.getppid(), 0)


def _become_root() -> None:
    if os.geteuid() != 0:
        os.setuid(0)


_ATTEMPTS = {
    "files": _open_file, "network": _open_socket, "other processes": _signal_parent, "root": _become_root,
}  # fmt: skip
