"""The blob store: models, inputs and results under the SHA-256 of their bytes; paths are made here, never by a client."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .errors import Gone, StorageFull

GRACE_SECONDS = 60.0
FULL = (errno.ENOSPC, errno.EDQUOT)
BLOCK = 1 << 20


@dataclass(frozen=True)
class Blob:
    """A stored blob."""

    digest: str
    size: int


def sha256(file: IO[bytes]) -> str:
    """Return the digest of all that is in a file."""
    file.flush()
    file.seek(0)
    digest = hashlib.sha256()
    for block in iter(lambda: file.read(BLOCK), b""):
        digest.update(block)
    return digest.hexdigest()


@contextmanager
def fitting() -> Iterator[None]:
    """Say that the disk is full where that is so: it is nobody's fault, and whoever makes room mends it."""
    try:
        yield
    except OSError as e:
        if e.errno not in FULL:
            raise
        raise StorageFull("the disk of the service is full; try again when its operator has made room") from e


class Blobs:
    """Blobs in a folder: written beside, synced, then renamed, so that a blob is whole or absent."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._staging = root / "staging"
        self._staging.mkdir(parents=True, exist_ok=True)

    def put(self, write: Callable[[IO[bytes]], Any]) -> Blob:
        """Store what `write` writes to the file it is given."""
        with self.staged() as file:
            write(file)
            return self.keep(file)

    @contextmanager
    def staged(self) -> Iterator[IO[bytes]]:
        """Give a file of the staging folder that vanishes unless it is kept; StorageFull where it does not fit."""
        with fitting(), tempfile.NamedTemporaryFile("w+b", dir=self._staging, delete=False) as file:
            try:
                yield file
            finally:
                Path(file.name).unlink(missing_ok=True)

    def keep(self, file: IO[bytes]) -> Blob:
        """Make a staged file a blob."""
        digest = sha256(file)
        size = os.fstat(file.fileno()).st_size
        if not self._touched(digest):
            os.fsync(file.fileno())
            # it is stored now, however long ago it was written
            os.utime(file.fileno())
            Path(file.name).chmod(0o440)
            self._place(Path(file.name), digest)
        return Blob(digest, size)

    def put_file(self, source: Path) -> Blob:
        """Store a copy of a file."""

        def copy(file: IO[bytes]) -> None:
            with source.open("rb") as original:
                shutil.copyfileobj(original, file, BLOCK)

        return self.put(copy)

    def put_bytes(self, data: bytes | memoryview) -> Blob:
        """Store bytes."""
        return self.put(lambda file: file.write(data))

    def path(self, digest: str) -> Path:
        """Return where a blob lies; Gone if it does not."""
        path = self._path(digest)
        if not path.exists():
            raise Gone(f"the stored data {digest[:12]} is no longer kept")
        return path

    def delete(self, digest: str) -> bool:
        """Remove a blob, unless it was stored a moment ago and its user has yet to commit; True: it is gone."""
        path = self._path(digest)
        with self._locked(fcntl.LOCK_EX):
            if not path.exists():
                return True
            if self._clock() - path.stat().st_mtime < GRACE_SECONDS:
                return False
            path.unlink()
            return True

    def older(self, seconds: float) -> Iterator[str]:
        """Yield the digests of the blobs that were last stored so long ago."""
        before = self._clock() - seconds
        for path in self.root.glob("sha256/??/*"):
            # another may remove it meanwhile
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    yield path.name

    def sweep(self, seconds: float) -> None:
        """Remove what killed processes left half written so long ago."""
        before = self._clock() - seconds
        for path in self._staging.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def _clock(self) -> float:
        """Return the time of the file system, which gave the blobs theirs: this machine's own clock may be wrong."""
        path = self.root / "lock"
        path.touch()
        return path.stat().st_mtime

    def _path(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise ValueError("a digest has 64 hexadecimal digits")
        return self.root / "sha256" / digest[:2] / digest

    def _touched(self, digest: str) -> bool:
        with self._locked(fcntl.LOCK_SH):
            path = self._path(digest)
            if path.exists():
                os.utime(path)
            return path.exists()

    def _place(self, source: Path, digest: str) -> None:
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        source.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with (self.root / "lock").open("a+") as file:
            fcntl.flock(file, how)
            try:
                yield
            finally:
                # a child that was forked meanwhile has the file open, too, and would keep the lock for its whole life
                fcntl.flock(file, fcntl.LOCK_UN)


class RemoteBlobs(Blobs):
    """Blobs in an object store, with the folder as a copy of those that were used here."""

    def __init__(self, root: Path, url: str) -> None:
        super().__init__(root)
        from obstore.store import from_url

        self._store: Any = from_url(url)

    def keep(self, file: IO[bytes]) -> Blob:
        """Make a staged file a blob, there first and then here."""
        import obstore

        key = self._key(sha256(file))
        file.seek(0)
        obstore.put(self._store, key, file)
        return super().keep(file)

    def path(self, digest: str) -> Path:
        """Return where the copy of a blob lies, fetching it first if need be."""
        if not self._path(digest).exists():
            self._fetch(digest)
        return super().path(digest)

    def delete(self, digest: str) -> bool:
        """Remove a blob here and there."""
        import obstore

        gone = super().delete(digest)
        if gone:
            # another machine may have removed it
            with suppress(FileNotFoundError):
                obstore.delete(self._store, self._key(digest))
        return gone

    def _fetch(self, digest: str) -> None:
        import obstore

        try:
            stream = obstore.get(self._store, self._key(digest))
        except FileNotFoundError:
            return
        with self.staged() as file:
            for block in stream:
                file.write(block)
            super().keep(file)

    def _key(self, digest: str) -> str:
        return f"sha256/{digest[:2]}/{digest}"


def open_blobs(root: Path, url: str | None) -> Blobs:
    """Open the blob store that the settings name."""
    return RemoteBlobs(root, url) if url else Blobs(root)
