"""Uploads: looked at by the scan runner, then kept in the blob store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from explainers.errors import InvalidRequest
from explainers.types import Card, ModelDescription

from .blobs import Blob, Blobs, sha256
from .errors import InputUnreadable
from .scanner import Scanner
from .tables import Dataset

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"[0-9a-f]{64}")
SUFFIXES = {"text/csv": ".csv", "application/vnd.apache.parquet": ".parquet", "application/zip": ".zip"}


@dataclass(frozen=True)
class Seen:
    """A model that was looked at and stored."""

    size: int
    card: Card
    description: ModelDescription


def model(
    scanner: Scanner, blobs: Blobs, file: Path, externals: dict[str, Path], card: Card, name: str | None
) -> Seen:  # fmt: skip
    """Store a model after the runner has looked at it; a bundle becomes one file first."""
    if name is not None and (not NAME.fullmatch(name) or DIGEST.fullmatch(name)):
        raise InvalidRequest(
            "a name is made of letters, digits, '.', '_' and '-', and is no digest", pointer="/name"
        )
    if not externals:
        with file.open("rb") as source:
            description = scanner.scan(source, card)
        return Seen(blobs.put_file(file).size, card, description)
    with blobs.staged() as bundle:
        scanner.bundle(file, externals, card, bundle)
        description = scanner.scan(bundle, card)
        return Seen(blobs.keep(bundle).size, card, description)


def named(filename: str, media_type: str) -> str:
    """Return a file name whose ending says what the file is, from its media type where the name is silent."""
    plain = PurePosixPath(filename.replace("\\", "/")).name[:255] or "upload"
    return (
        plain
        if PurePosixPath(plain).suffix
        else plain + SUFFIXES.get(media_type.partition(";")[0].strip(), "")
    )


def dataset(scanner: Scanner, blobs: Blobs, tenant: str, file: Path, filename: str) -> Dataset:
    """Store the arrays of a data set after the runner has read them."""
    with file.open("rb") as source:
        digest = sha256(source)
    with blobs.staged() as out:
        found = scanner.dataset(file, filename, out)
        arrays = [_array(blobs, out, entry) for entry in found["stored"]]
    if not found["finite"]:
        raise InputUnreadable(
            "the data set holds NaN or infinities; explanations need finite inputs", pointer="/dataset"
        )
    items = arrays[0]["shape"][0] if arrays and arrays[0]["shape"] else 0
    if not items:
        raise InputUnreadable("the data set holds no items along its first axis", pointer="/dataset")
    return Dataset(
        tenant=tenant, id=digest, filename=filename, kind=found["kind_of"], items=items, arrays=arrays,
        columns=found["columns"], finite=True,
    )  # fmt: skip


def _array(blobs: Blobs, out: IO[bytes], entry: dict[str, Any]) -> dict[str, Any]:
    blob = _slice(blobs, out, entry["offset"], entry["size"])
    return {"name": entry["name"], "dtype": entry["dtype"], "shape": entry["shape"], "digest": blob.digest}


def _slice(blobs: Blobs, out: IO[bytes], offset: int, size: int) -> Blob:
    def copy(file: IO[bytes]) -> None:
        out.seek(offset)
        left = size
        while left and (block := out.read(min(1 << 20, left))):
            file.write(block)
            left -= len(block)

    return blobs.put(copy)
