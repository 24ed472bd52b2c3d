"""Bodies on their way in: files go to disk under names of our own, JSON comes from the body or the part `request`."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from flask import Flask, Request, Response, current_app, request
from gunicorn.http.errors import ParseException
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from explainers.errors import InvalidRequest

from .problems import Problem, problem
from .strict_json import loads

JSON_BYTES = 64 << 20
FORM_BYTES = 1 << 20
PARTS = 1000
STALL_SECONDS = 60.0
_CHUNK = 1 << 20


def folder(data: Path) -> Path:
    """Return the folder of unfinished uploads, without those that a killed process left behind."""
    place = data / "incoming"
    place.mkdir(parents=True, exist_ok=True)
    with _made_one_by_one(place, fcntl.LOCK_EX):
        for file in place.iterdir():
            # whose maker lives is locked, and gone by itself once it is closed
            with suppress(BlockingIOError, FileNotFoundError), _locked(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                file.unlink()
    return place


def _made_one_by_one(place: Path, how: int) -> AbstractContextManager[None]:
    return _locked(place.with_name("incoming.lock"), how, os.O_CREAT)


@contextmanager
def _locked(path: Path, how: int, flags: int = 0) -> Iterator[None]:
    # for reading and writing: some file systems of networks lock nothing else
    held = os.open(path, os.O_RDWR | flags, 0o600)
    try:
        fcntl.flock(held, how)
        yield
    finally:
        os.close(held)


def install(app: Flask, limits: dict[str, int]) -> None:
    """Hold every upload to the limit of its noun, and every connection to a pace."""

    def bound() -> None:
        json = request.mimetype == "application/json"
        request.max_content_length = JSON_BYTES if json else limits.get(request.blueprint or "", JSON_BYTES)
        connection = request.environ.get("gunicorn.socket")
        if connection is not None:
            connection.settimeout(STALL_SECONDS)

    app.before_request(bound)
    app.register_error_handler(ClientDisconnected, _stalled)
    # a chunked body is parsed while it is read
    app.register_error_handler(ParseException, _broken)


def _broken(_error: ParseException) -> Response:
    return problem(
        400,
        "the body's chunks are not as HTTP has them (RFC 9112, section 7.1); send it anew",
        {"Connection": "close"},
    )


def _stalled(_error: ClientDisconnected) -> Response:
    return problem(
        408,
        f"the body broke off, or nothing of it came for {STALL_SECONDS:.0f} s; send it again",
        {"Connection": "close"},
    )


class IncomingRequest(Request):
    """A request whose uploads lie in files and whose JSON is read strictly."""

    def _get_file_stream(self, *_args: Any, **_kwargs: Any) -> IO[bytes]:
        # werkzeug's hook; the file is removed when the request is closed
        return new_file()

    def get_json(self, *_args: Any, **_kwargs: Any) -> Any:
        """Return the JSON body, or that of the part `request` of a multipart body."""
        if self.mimetype == "multipart/form-data":
            return loads(self._part())
        if self.mimetype != "application/json":
            raise Problem(
                415, "send the request as application/json, or as multipart/form-data with a part `request`"
            )
        body = self.get_data()
        # werkzeug cuts a chunked body off at the limit and says nothing
        if len(body) >= JSON_BYTES:
            raise RequestEntityTooLarge
        return loads(body)

    def _part(self) -> bytes:
        if "request" in self.files:
            stream = self.files["request"].stream
            stream.seek(0)
            part = stream.read(JSON_BYTES + 1)
            if len(part) > JSON_BYTES:
                raise Problem(
                    413, f"the part `request` is larger than {JSON_BYTES} bytes; send the inputs as files"
                )
            return part
        if "request" not in self.form:
            raise InvalidRequest.of(
                [{"pointer": "", "detail": "a multipart job needs a part `request` with its JSON"}]
            )
        return self.form["request"].encode()


def new_file() -> IO[bytes]:
    """Return a file that is removed when it is closed."""
    place = current_app.extensions["incoming"]
    with _made_one_by_one(place, fcntl.LOCK_SH):
        file = tempfile.NamedTemporaryFile("w+b", dir=place)  # noqa: SIM115  whoever asked for it closes it
        fcntl.flock(file, fcntl.LOCK_SH)
    return file


def save_body(request: Request) -> IO[bytes]:
    """Write the raw body to a file, in pieces; the caller closes it, which removes it."""
    file = new_file()
    shutil.copyfileobj(request.stream, file, _CHUNK)
    file.flush()
    if request.content_length not in (None, file.tell()):
        file.close()
        raise ClientDisconnected
    return file


def path_of(part: FileStorage) -> Path:
    """Return where an uploaded part lies."""
    part.stream.flush()
    return Path(part.stream.name)
