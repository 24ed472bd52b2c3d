"""The memory of this machine's GPUs, as their driver tells it; nobody here opens one."""

from __future__ import annotations

from typing import Any

import pynvml

from .records import Memory


def memory() -> Memory:
    """Return the memory of every GPU that this machine shows; nothing where there is no driver."""
    try:
        pynvml.nvmlInit()
        try:
            return dict(_of(pynvml.nvmlDeviceGetHandleByIndex(i)) for i in range(pynvml.nvmlDeviceGetCount()))
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return {}


def _of(gpu: Any) -> tuple[str, dict[str, int]]:
    held = pynvml.nvmlDeviceGetMemoryInfo(gpu)
    return str(pynvml.nvmlDeviceGetUUID(gpu)), {"used": int(held.used), "free": int(held.free)}
