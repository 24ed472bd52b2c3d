"""gunicorn's worker for clients that take their time: heads are waited for without a thread, bodies come at a pace."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import TConn, ThreadWorker

from .patience import SLOW

HEAD_SECONDS = 10.0
"""From the connection, or from its next request's first byte, to the end of the request's head."""
HEAD_BYTES = 1 << 15
GRACE_SECONDS = 20.0
PACE = 8 << 10
"""Bytes a second that a body must come at, once its grace is over."""
STALL_SECONDS = 60.0
HURRIED_SECONDS = 2.0
"""How long a body may take before it counts as slow."""
LINGER_SECONDS = 0.5
_END = b"\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Paced:
    """A client's socket as gunicorn's parser reads it."""

    slow = threading.BoundedSemaphore(SLOW)
    """Threads that may wait for slow bodies; the others are for everyone else."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.head()

    def head(self) -> None:
        """Begin with a request."""
        self._began, self._got, self._body, self._slow = time.monotonic(), 0, False, False

    def body(self) -> None:
        """Go on with its body."""
        self._began, self._got, self._body = time.monotonic(), 0, True

    def end(self) -> None:
        """Be done with the request."""
        if self._slow:
            self._slow = False
            self.slow.release()

    def gettimeout(self) -> float | None:
        """Return the socket's own."""
        return self._sock.gettimeout()

    def settimeout(self, seconds: float | None) -> None:
        """Change the socket's own."""
        self._sock.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        """Return some bytes, if they come in time."""
        before = self._sock.gettimeout()
        try:
            data = self._recv(size, STALL_SECONDS if before is None else before)
        except TimeoutError as e:
            # of half a head nothing is said, not even in the log
            raise e if self._body else NoMoreData(b"") from e
        finally:
            self._sock.settimeout(before)
        self._got += len(data)
        return data

    def _recv(self, size: int, longest: float) -> bytes:
        patience = GRACE_SECONDS + self._got / PACE if self._body else HEAD_SECONDS
        end = self._began + patience
        if self._body and not self._slow:
            try:
                return self._within(size, min(self._began + HURRIED_SECONDS, end), longest)
            except TimeoutError:
                if not self.slow.acquire(blocking=False):
                    raise
                self._slow = True
        return self._within(size, end, longest)

    def _within(self, size: int, end: float, longest: float) -> bytes:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(left, longest))
        return self._sock.recv(size)


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection that is closed once, by the thread that served it: lingering must not stop the loop that accepts."""

    closed = False

    def close(self, graceful: bool = False) -> None:
        """Close it; gracefully: after the client has had a moment to read the last answer."""
        if self.closed:
            return
        self.closed = True
        if graceful:
            util.close_graceful(self.sock, LINGER_SECONDS)
        else:
            util.close(self.sock)


class PacedWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's threads, given to a connection once the whole head of a request is there."""

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection and wait for its first request."""
        try:
            client, address = listener.accept()
        except OSError:
            # another took it, or it is gone
            return
        self.nr_conns += 1
        self._await(Connection(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """Wait for the rest of the next request's head."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await(conn)

    def on_pending_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """Give a connection its thread, or go on waiting."""
        seen = _seen(client)
        if seen is None or _END in seen:
            super().on_pending_socket_readable(conn, client)
        elif len(seen) >= HEAD_BYTES:
            self._refuse(conn, client)

    def handle(self, conn: Any) -> Any:
        """Read and answer one request."""
        conn.sock.setblocking(True)
        conn.init()
        if not isinstance(conn.parser.unreader.sock, Paced):
            conn.parser.unreader.sock = Paced(conn.parser.unreader.sock)
        conn.parser.unreader.sock.head()
        kept = super().handle(conn)
        if not kept:
            conn.close(graceful=True)
        return kept

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head is read."""
        paced: Paced = conn.parser.unreader.sock
        paced.body()
        try:
            return super().handle_request(req, conn)
        finally:
            paced.end()

    def _refuse(self, conn: Any, client: socket.socket) -> None:
        """Close a connection whose head is larger than any honest client's."""
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        self.nr_conns -= 1
        with suppress(OSError):
            client.send(_TOO_LARGE)
        conn.close()

    def _await(self, conn: Any) -> None:
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)


def _seen(client: socket.socket) -> bytes | None:
    """Look at what there is of a request's head; None: the connection has ended."""
    try:
        seen = client.recv(HEAD_BYTES, socket.MSG_PEEK)
    except OSError:
        return None
    # readable again only once there is more than that: the poller would tell for ever what was seen
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1 if _END in seen else len(seen) + 1)
    return seen or None
