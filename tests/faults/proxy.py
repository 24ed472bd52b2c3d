"""What goes wrong between a broker and its clients: a small proxy that loses things, and calls that are delivered twice."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from workers.queue import create_app
from workers.settings import Settings


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


def deliver_again(settings: Settings) -> None:
    """Do what another application on this broker would do, to which a call is lost after no time at all."""
    app = create_app(settings)
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, "visibility_timeout": 0}
    with app.connection_for_read() as connection:
        connection.default_channel.qos.restore_visible(num=100, interval=1)
    app.close()
