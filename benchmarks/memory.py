"""Peak memory of the gradient above the process, against the forward pass's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

NETWORKS = ("ResNet-50, batch 8", "MobileNet-V2, batch 8")


def rows(threads: int = 2, rounds: int = 7) -> Iterator[dict[str, Any]]:
    """Yield peaks in MB, each taken in a process of its own; rounds do not matter to a peak."""
    del rounds
    from .gradient import CASES

    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            build, shape = CASES[name]
            _export(build, shape, Path(folder))
            forward, gradient = (
                _peak(shape, Path(folder), what, threads) for what in ("forward", "gradient")
            )
        yield {"network": name, "forward MB": forward, "gradient MB": gradient, "ratio": gradient / forward}


def _export(build: Callable[[], Any], shape: tuple[int, ...], folder: Path) -> None:
    """Write the network and its gradient, so that the measured process only runs."""
    import torch

    import explainers

    from . import networks

    data = networks.to_onnx(networks.settle(build(), (2, *shape[1:])), torch.zeros(1, *shape[1:]))
    (folder / "forward.onnx").write_bytes(data)
    (folder / "gradient.onnx").write_bytes(
        explainers.compile(explainers.load(data), "gradient").SerializeToString()
    )


def _peak(shape: tuple[int, ...], folder: Path, what: str, threads: int) -> float:
    command = [
        sys.executable,
        "-m",
        "benchmarks.memory",
        str(folder / f"{what}.onnx"),
        str(threads),
        *map(str, shape),
    ]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _high_water() -> float:
    """Return the process's peak in MB; getrusage would remember the peak of the process it was started from."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024


def measure(path: str, threads: int, shape: list[int]) -> float:
    """Return the peak in MB of building a session and running it twice, above what the imports take.

    The process must not have imported PyTorch: a peak that is past hides a lower one.
    """
    import numpy as np

    from explainers.runtime import Session

    before = _high_water()
    session = Session(Path(path).read_bytes(), "cpu", threads)
    feeds = {"input": np.zeros(shape, np.float32), "target_weights": np.ones((shape[0], 1000), np.float32)}
    for _ in range(2):
        session.run({n: a for n, a in feeds.items() if n in session.inputs})
    return _high_water() - before


if __name__ == "__main__":
    sys.stdout.write(str(measure(sys.argv[1], int(sys.argv[2]), [int(n) for n in sys.argv[3:]])))
