"""The program of a runner: `python -m workers.runner CHANNEL PARENT ORDER`; it answers frames until its channel closes."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from workers.runner import cage
from workers.runner.frames import BrokenFrame, Channel
from workers.tether import tie

if TYPE_CHECKING:
    from workers.runner.operations import Operations

NICE = 3
CHANNEL, PARENT, ORDER = sys.argv[1:4] if len(sys.argv) > 3 else ("0", "0", "{}")


def main() -> None:
    """Load everything, close the cage, and answer what is asked over the channel."""
    channel, order = int(CHANNEL), json.loads(ORDER)
    tie(int(PARENT))
    # whoever computes for seconds gives way to those who answer: the web server, the broker, the ledger's writers
    os.nice(NICE)
    os.umask(0o077)
    # what a careless parent left open is nobody's business here
    os.closerange(3, channel)
    os.closerange(channel + 1, cage.OPEN_FILES)
    operations, found = _enclosed(Channel(socket.socket(fileno=channel), descriptors=True), order)
    # what is loaded stays for good: to search it for garbage would stop the work for a tenth of a second now and then
    gc.freeze()
    operations.channel.send({"kind": "ready", "pid": os.getpid(), "cage": found.to_json()})
    try:
        while True:
            operations.answer(operations.channel.receive())
    except BrokenFrame:
        # the supervisor went away: nobody is left to answer
        os._exit(0)


def _enclosed(channel: Channel, order: dict[str, Any]) -> tuple[Operations, cage.Cage]:
    """Return the operations, all their libraries loaded, and the cage that was closed around them."""
    from workers.runner.operations import Operations
    from workers.runner.warm import warm

    warm(order["purpose"])
    found = cage.close(cage.Fences(order["memory"], order["file"]), order["provider"])
    # whoever changes user is untied by the kernel
    tie(int(PARENT))
    return Operations(channel), found


if __name__ == "__main__":
    main()
