"""Write requirements.lock: the versions that a fresh install of everything gets today."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEAD = """\
# Made by `make lock`; used as constraints by every make target and both images.
# Versions only: where they come from is the installer's business.
"""


def fresh_freeze(folder: Path) -> list[str]:
    """Return what pip lists after installing this tree with all extras into a new environment."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "-e", f"{ROOT}[all]"], check=True)
    run = subprocess.run(
        [*pip, "freeze", "--exclude-editable"], check=True, stdout=subprocess.PIPE, text=True
    )
    return run.stdout.splitlines()


def constraint(line: str) -> str:
    """Return `name==version` without a build's local suffix; anything else cannot be locked by version."""
    found = re.fullmatch(r"([A-Za-z0-9._-]+)==([^+\s]+)(\+\S+)?", line)
    if found is None:
        raise SystemExit(f"{line!r} is no released version: install it from an index, then lock again")
    return f"{found[1].lower().replace('_', '-')}=={found[2]}"


def main() -> None:
    """Install, list, write."""
    with tempfile.TemporaryDirectory() as folder:
        lines = sorted(constraint(line) for line in fresh_freeze(Path(folder) / "venv"))
    LOCK.write_text(HEAD + "\n".join(lines) + "\n")
    sys.stdout.write(f"{LOCK.name}: {len(lines)} packages\n")


if __name__ == "__main__":
    main()
