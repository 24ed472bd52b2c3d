from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("explainers", "workers", "api")
NOT_OURS = {
    ".git",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "node_modules",
    ".hypothesis",
    "onnxplain-data",
    "demo-output",
}


def _walk(folder: Path) -> list[Path]:
    inside = [p for p in sorted(folder.iterdir()) if p.name not in NOT_OURS and "_cache" not in p.name]
    return [f for p in inside for f in (_walk(p) if p.is_dir() else [p])]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Return every file of the project, build products aside."""
    return _walk(ROOT)


@pytest.fixture(scope="session")
def sources() -> dict[Path, ast.Module]:
    """Return every module of the three packages with its syntax tree, by its path from the root."""
    found = [f for package in PACKAGES for f in _walk(ROOT / package) if f.suffix == ".py"]
    return {f.relative_to(ROOT): ast.parse(f.read_text()) for f in found}
