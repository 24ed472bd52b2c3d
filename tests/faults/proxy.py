"""What goes wrong between a broker and its clients: a small proxy that loses things, and calls that are delivered twice."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from workers.ledger.database import Database
from workers.ledger.window import Ticket
from workers.queue import create_app, send
from workers.settings import Settings
from workers.tables import OPEN_CHUNK, Chunk


class Proxy:
    """Listens on a unix socket and passes everything on to another; not while it is cut."""

    def __init__(self, place: Path, target: Path) -> None:
        self._target = target
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(place))
        self._listener.listen(64)
        self.url = f"unix://{place}?db=0"
        self._passing = threading.Event()
        self._passing.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._trap: bytes | None = None
        self.caught = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Let nothing through; whoever waits for an answer goes on waiting."""
        self._passing.clear()

    def mend(self) -> None:
        """Let new connections through; the old ones are dead, as after a long cut."""
        self.drop()
        self._passing.set()

    def drop(self) -> None:
        """Close every connection."""
        for pair in self._pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._pairs = []

    def trap(self, words: bytes) -> None:
        """Swallow the next answer that holds these words, and set `caught`: the broker gave it, nobody got it."""
        self.caught.clear()
        self._trap = words

    def close(self) -> None:
        """Stop."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._passing.set()
        self.drop()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._connect, args=(client,), daemon=True))
            self._threads[-1].start()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            self._passing.wait()
            try:
                server.connect(str(self._target))
            except OSError:
                return
            self._pairs.append((client, server))
            asking = threading.Thread(target=self._pump, args=(client, server), daemon=True)
            asking.start()
            self._pump(server, client, answers=True)
            asking.join()

    def _pump(self, source: socket.socket, sink: socket.socket, *, answers: bool = False) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._passing.wait()
                if answers and self._trap is not None and self._trap in data:
                    self._trap = None
                    self.caught.set()
                    continue
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def deliver_again(settings: Settings, ledger: Database) -> None:
    """Send every call that is with the broker or a worker once more, as a broker or a publisher may that is unsure."""
    with ledger.read() as session:
        out = select(Chunk).where(Chunk.state.in_(OPEN_CHUNK), Chunk.published.is_not(None))
        tickets = [Ticket(c.id, c.queue, c.level) for c in session.scalars(out)]
    app = create_app(settings)
    for ticket in tickets:
        send(app, ticket)
    app.close()
