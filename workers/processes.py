"""Who this process is, and whether another still lives."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import psutil


def host() -> str:
    """Return what tells this host from others, a container from its neighbour and a boot from the last."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    return f"{boot}-{namespace}"


def worker_id(host: str) -> str:
    """Return the name of this worker, which no later process of this host can have."""
    # containers of one machine differ in the end of their host's name only, and count their processes from one
    place = hashlib.sha256(host.encode()).hexdigest()[:8]
    return f"{place}-{os.getpid()}-{int(psutil.Process().create_time() * 100)}"


def alive(pid: int) -> bool:
    """Say whether a process of this host still runs."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
