"""A process that ends with its parent: `python -m workers.tether PARENT PROGRAM ...` ties itself, then becomes the program."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie(parent: int, number: int = signal.SIGKILL) -> None:
    """Ask the kernel for a signal when the thread that started us ends; leave at once if the parent has ended already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


def tied(command: list[str]) -> list[str]:
    """Return the command that runs a command tied to this process; start it from a thread that lasts."""
    return [sys.executable, "-P", "-m", "workers.tether", str(os.getpid()), *command]


def main() -> None:
    """Tie this process to its parent and become the program."""
    tie(int(sys.argv[1]), signal.SIGTERM if sys.argv[2] == "--gently" else signal.SIGKILL)
    program = sys.argv[3:] if sys.argv[2] == "--gently" else sys.argv[2:]
    os.execvp(program[0], program)  # noqa: S606  the program is the caller's own


if __name__ == "__main__":
    main()
