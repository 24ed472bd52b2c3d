"""What this machine, or the container that we are in, has."""

from __future__ import annotations

from pathlib import Path

import psutil

CONTROL_GROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where the kernel tells a container's bound: control groups of version 2 and of version 1."""


def memory(bounds: tuple[Path, ...] = CONTROL_GROUPS) -> int:
    """Return the bytes of memory that all programs here have together."""
    told = [bound.read_text().strip() for bound in bounds if bound.is_file()]
    # without a bound version 2 says "max", and version 1 a number that no machine has
    return min([psutil.virtual_memory().total, *(int(t) for t in told if t.isdecimal())])
