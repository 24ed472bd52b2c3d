"""The program of a runner: `python -m workers.runner CHANNEL PARENT`; it answers frames until its channel closes."""

from __future__ import annotations

import os
import resource
import socket
import sys

from workers.runner.frames import BrokenFrame, Channel
from workers.tether import tie


def main() -> None:
    """Tie this process to its parent and answer what is asked over the channel."""
    tie(int(sys.argv[2]))
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    from workers.runner.operations import Operations

    operations = Operations(channel)
    channel.send({"kind": "ready", "pid": os.getpid()})
    try:
        while True:
            operations.answer(channel.receive())
    except BrokenFrame:
        # the supervisor went away: nobody is left to answer
        os._exit(0)


if __name__ == "__main__":
    main()
