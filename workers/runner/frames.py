"""Frames between a runner and its supervisor: a JSON header, then .npy arrays, every length checked before it is read."""

from __future__ import annotations

import array
import io
import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from explainers.types import Array, Arrays
from workers import arrays as npy
from workers.errors import Crashed

MAGIC = b"oxp1"
PREFIX = struct.Struct("<4sI")
HEADER_BYTES = 64 << 20
ARRAYS_BYTES = 8 << 30
ARRAY_COUNT = 4096
DESCRIPTORS = 250
MOST_DESCRIPTORS = PREFIX.size * DESCRIPTORS
BLOCK = 1 << 20
POLL_SECONDS = 0.2
T = TypeVar("T")


class BrokenFrame(Crashed):
    """The other side ended, or sent what is no frame."""


@dataclass
class Frame:
    """A message: its header's fields, arrays by name, and open file descriptors."""

    fields: dict[str, Any]
    arrays: Arrays = field(default_factory=dict)
    descriptors: list[int] = field(default_factory=list)


class Channel:
    """One end of a socket pair; while it waits, it calls `idle` every 0.2 s; `descriptors`: it takes those."""

    def __init__(
        self, sock: socket.socket, idle: Callable[[], None] | None = None, *, descriptors: bool = False
    ) -> None:
        self._socket = sock
        # without room for them, the kernel drops the descriptors that a runner may send to fill its supervisor's table
        self._room = socket.CMSG_SPACE(DESCRIPTORS * array.array("i").itemsize) if descriptors else 0
        self._socket.setblocking(False)
        self.idle = idle or (lambda: None)
        self._received: list[int] = []
        self._beaten = time.monotonic()

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def ready(self, seconds: float = 0.0) -> bool:
        """Say whether something is there to be received."""
        return self._wait(select.POLLIN, seconds)

    def send(
        self,
        fields: Mapping[str, Any],
        arrays: Mapping[str, Array] | None = None,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Send a frame."""
        bodies = {name: npy.plain(a) for name, a in (arrays or {}).items()}
        heads = {name: npy.header_bytes(a.shape, a.dtype) for name, a in bodies.items()}
        sizes = [{"name": name, "size": len(heads[name]) + a.nbytes} for name, a in bodies.items()]
        header = json.dumps({**fields, "arrays": sizes}).encode()
        self._send(PREFIX.pack(MAGIC, len(header)) + header, descriptors)
        for name, a in bodies.items():
            self._send(heads[name])
            if a.nbytes:
                self._send(memoryview(cast(Any, a.reshape(-1).view("u1"))))

    def receive(self) -> Frame:
        """Wait for a frame."""
        prefix = self._read(PREFIX.size)
        magic, length = PREFIX.unpack(prefix)
        if magic != MAGIC or length > HEADER_BYTES:
            raise BrokenFrame("the other side sent what is no frame")
        fields, sizes = _parse(bytes(self._read(length)))
        found = {name: self._array(size) for name, size in sizes.items()}
        descriptors, self._received = self._received, []
        return Frame(fields, found, descriptors)

    def _array(self, size: int) -> Array:
        data = self._read(size)
        file = io.BytesIO(data[: npy.HEADER_BYTES + 12])
        header = npy.read_header(file, ARRAYS_BYTES)
        if file.tell() + header.size != size:
            raise BrokenFrame("an array's header and its length in the frame differ")
        return npy.as_array(header, memoryview(data)[file.tell() :])

    def _send(self, data: bytes | memoryview, descriptors: Sequence[int] = ()) -> None:
        view = memoryview(data)
        try:
            if descriptors:
                view = view[self._send_descriptors(view, descriptors) :]
            while view:
                view = view[self._try(partial(self._socket.send, view[:BLOCK]), write=True) :]
        except (BrokenPipeError, ConnectionResetError) as e:
            raise BrokenFrame("the other side ended") from e

    def _send_descriptors(self, view: memoryview, descriptors: Sequence[int]) -> int:
        """Send the prefix with them, a byte for as many as the kernel takes at once; return the bytes that were sent."""
        sent = 0
        for start in range(0, len(descriptors), DESCRIPTORS):
            some = array.array("i", descriptors[start : start + DESCRIPTORS])
            send = partial(self._socket.sendmsg, [view[sent : sent + 1]], [_rights(some)])
            sent += self._try(send, write=True)
        return sent

    def _read(self, size: int) -> bytearray:
        out = bytearray()
        while len(out) < size:
            out += self._some(min(BLOCK, size - len(out)))
        return out

    def _some(self, size: int) -> bytes:
        try:
            data, rights, _, _ = self._try(
                lambda: self._socket.recvmsg(size, self._room, socket.MSG_CMSG_CLOEXEC), write=False
            )
        except ConnectionResetError as e:
            raise BrokenFrame("the other side ended") from e
        for level, kind, payload in rights:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._received += array.array("i", payload[: len(payload) // 4 * 4])
        if not data:
            raise BrokenFrame("the other side ended")
        return bytes(data)

    def _try(self, act: Callable[[], T], *, write: bool) -> T:
        while True:
            self._beat()
            try:
                return act()
            except BlockingIOError:
                self._wait(select.POLLOUT if write else select.POLLIN, POLL_SECONDS)

    def _wait(self, event: int, seconds: float) -> bool:
        # select(2) knows no descriptor above 1023, and a web process may have many uploads open
        poller = select.poll()
        poller.register(self._socket, event)
        return bool(poller.poll(seconds * 1000))

    def _beat(self) -> None:
        if time.monotonic() - self._beaten >= POLL_SECONDS:
            self._beaten = time.monotonic()
            self.idle()


def _parse(header: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        fields = json.loads(header)
        entries = fields.pop("arrays")
        sizes = {str(e["name"]): int(e["size"]) for e in entries}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise BrokenFrame("the other side sent a header that cannot be read") from e
    total = sum(sizes.values())
    if (
        len(sizes) != len(entries)
        or len(sizes) > ARRAY_COUNT
        or min(sizes.values(), default=0) < 0
        or total > ARRAYS_BYTES
    ):
        raise BrokenFrame("the other side announced more than a frame may hold")
    return fields, sizes


def _rights(descriptors: array.array[int]) -> tuple[int, int, array.array[int]]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors


def close_all(descriptors: Sequence[int]) -> None:
    """Close descriptors that came with a frame."""
    for descriptor in descriptors:
        os.close(descriptor)
