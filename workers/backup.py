"""Backup and restore of an embedded data folder: the ledger as of one instant, and every file it needs, in one tar."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import explainers

from .blobs import Blobs
from .embedded import locked
from .errors import Conflict, InputUnreadable
from .ledger import audit
from .ledger.schema import ledger
from .settings import Settings

LEDGER = "ledger.db"
HEAD = "backup.json"


def write(settings: Settings, file: Path) -> dict[str, Any]:
    """Write a new backup; the service may run meanwhile."""
    _embedded(settings)
    if not (settings.data / LEDGER).exists():
        raise Conflict(f"{settings.data} holds no ledger; name the service's folder with --data")
    _check_new(file)
    with tempfile.TemporaryDirectory(dir=settings.data) as scratch, ledger(settings) as database:
        with database.write() as session:
            audit.write(session, "*", "admin.backup", file.name[:200])
        copy = Path(scratch) / LEDGER
        _copy(settings.data / LEDGER, copy)
        needed = _needed(copy)
        with _whole(file) as out, tarfile.open(fileobj=out, mode="w") as tar:
            missing = _pack(tar, copy, settings.blobs, needed)
    return {"file": str(file), "files": len(needed) - len(missing), "missing": missing}


@contextmanager
def _whole(file: Path) -> Iterator[IO[bytes]]:
    """Give a file that is there under its name once it is whole, for its owner's eyes only, and else not at all."""
    partial = file.with_name(f"{file.name}.partial")
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        try:
            yield out
            out.flush()
            os.fsync(out.fileno())
            _check_new(file)
            partial.rename(file)
        finally:
            partial.unlink(missing_ok=True)


def _check_new(file: Path) -> None:
    if file.exists():
        raise Conflict(f"{file} exists; a backup is a new file")


def _pack(tar: tarfile.TarFile, copy: Path, blobs: Path, needed: list[str]) -> list[str]:
    tar.add(copy, LEDGER)
    missing = []
    for digest in needed:
        path = blobs / "sha256" / digest[:2] / digest
        try:
            tar.add(path, f"sha256/{digest}")
        except FileNotFoundError:
            # its last user went while this ran; the restored ledger says what is gone
            missing.append(digest)
    head = json.dumps({"onnxplain": explainers.__version__, "missing": missing}).encode()
    info = tarfile.TarInfo(HEAD)
    info.size = len(head)
    tar.addfile(info, io.BytesIO(head))
    return missing


def read(settings: Settings, file: Path) -> dict[str, Any]:
    """Put a backup into an empty data folder; every file is compared with its digest on the way."""
    _embedded(settings)
    with locked(settings.data):
        if any(p.name != "lock" for p in settings.data.iterdir()):
            raise Conflict(f"{settings.data} is not empty; restore into a new folder with --data")
        count = _unpack(file, settings)
        with ledger(settings) as database, database.write() as session:
            audit.write(session, "*", "admin.restore", file.name[:200])
    return {"data": str(settings.data), "files": count}


def _unpack(file: Path, settings: Settings) -> int:
    count, ended = 0, False
    with tarfile.open(file, "r:") as tar:
        for member in tar:
            ended = member.name == HEAD
            source = tar.extractfile(member) if member.isfile() else None
            if source is None:
                raise InputUnreadable(f"{file} holds {member.name[:80]!r}, which no backup has")
            if not ended:
                _place(settings, member.name, source.read() if member.name == LEDGER else source)
            count += member.name.startswith("sha256/")
    if not ended:
        raise InputUnreadable(f"{file} breaks off; take another backup")
    return count


def _place(settings: Settings, name: str, source: Any) -> None:
    if name == LEDGER:
        (settings.data / LEDGER).write_bytes(source)
        return
    digest = name.removeprefix("sha256/")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise InputUnreadable(f"{name[:80]!r} is no name that a backup has")
    found = Blobs(settings.blobs).put(lambda out: _pour(source, out)).digest
    if found != digest:
        raise InputUnreadable(f"the stored file {digest[:12]} is not what its name says; take another backup")


def _pour(source: Any, out: Any) -> None:
    for block in iter(lambda: source.read(1 << 20), b""):
        out.write(block)


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


def _needed(copy: Path) -> list[str]:
    with closing(sqlite3.connect(copy)) as there:
        return [row[0] for row in there.execute("select distinct digest from blob_uses order by digest")]


def _embedded(settings: Settings) -> None:
    if settings.database_url or settings.blob_url:
        raise Conflict(
            "the ledger or the files are not in the data folder: back them up with PostgreSQL's pg_dump and the object "
            "store's own means, the ledger first"
        )
