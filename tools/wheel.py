"""Build the wheel and check what is in it: the engine, its types marker, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build(folder: Path) -> Path:
    """Build the wheel into a folder with the build backend at hand; return its path."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def main() -> int:
    """Build into a temporary folder and hand the wheel to check-wheel-contents."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        checker = Path(sys.executable).with_name("check-wheel-contents")
        return subprocess.run(
            [checker, "--toplevel", "explainers", str(wheel)], check=False, cwd=ROOT
        ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
