from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.plant import Plant


@pytest.fixture(scope="module")
def build() -> Iterator[Callable[..., Plant]]:
    """Starts plants; all are stopped with the module's last test."""
    plants: list[Plant] = []
    folders: list[str] = []

    def go(prepare: Callable[[Path], object] = lambda _: None, **changes: Any) -> Plant:
        # short: the web server's unix sockets and the broker's lie below it
        folders.append(tempfile.mkdtemp(prefix="oxp-fault-"))
        prepare(Path(folders[-1]))
        plants.append(Plant(Path(folders[-1]), **changes))
        return plants[-1]

    yield go
    for plant in plants:
        plant.stop()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
