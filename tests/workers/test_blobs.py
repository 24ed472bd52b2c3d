from __future__ import annotations

import fcntl
import hashlib
import os
import signal
from pathlib import Path

import pytest

from workers.blobs import Blobs, open_blobs
from workers.errors import Gone


@pytest.fixture(params=["here", "there"])
def blobs(request, tmp_path) -> Blobs:
    there = tmp_path / "store"
    there.mkdir()
    return open_blobs(tmp_path / "blobs", f"file://{there}" if request.param == "there" else None)


def test_a_blob_lies_under_the_digest_of_its_bytes(blobs):
    blob = blobs.put_bytes(b"bytes")
    assert (blob.digest, blob.size) == (hashlib.sha256(b"bytes").hexdigest(), 5)
    assert blobs.path(blob.digest).read_bytes() == b"bytes"


def test_the_same_bytes_are_one_blob(blobs):
    assert blobs.put_bytes(b"x").digest == blobs.put_bytes(b"x").digest
    assert len(list(blobs.root.glob("sha256/*/*"))) == 1


def test_nothing_is_left_of_a_write_that_failed(blobs):
    with pytest.raises(OSError, match="full"):
        blobs.put(fail)
    assert list(blobs.root.glob("staging/*")) == []
    assert list(blobs.root.glob("sha256/*/*")) == []


def fail(file):
    file.write(b"half")
    raise OSError("disk full")


def test_an_unknown_digest_is_gone(blobs):
    with pytest.raises(Gone):
        blobs.path("0" * 64)


@pytest.mark.parametrize("name", ["../../etc/passwd", "A" * 64, "0" * 63, "0" * 63 + "/"])
def test_a_name_that_is_no_digest_makes_no_path(blobs, name):
    with pytest.raises(ValueError, match="hexadecimal"):
        blobs.path(name)


def test_a_young_blob_is_not_deleted_an_old_one_is(blobs):
    digest = blobs.put_bytes(b"x").digest
    assert not blobs.delete(digest)
    os.utime(blobs.path(digest), (1, 1))
    assert list(blobs.older(60)) == [digest]
    assert blobs.delete(digest)
    with pytest.raises(Gone):
        blobs.path(digest)


def test_storing_again_makes_a_blob_young(blobs):
    digest = blobs.put_bytes(b"x").digest
    os.utime(blobs.path(digest), (1, 1))
    blobs.put_bytes(b"x")
    assert not blobs.delete(digest)


def test_a_remote_blob_comes_back_when_the_copy_here_is_lost(tmp_path):
    (tmp_path / "store").mkdir()
    blobs = open_blobs(tmp_path / "blobs", f"file://{tmp_path / 'store'}")
    digest = blobs.put_bytes(b"x" * 3_000_000).digest
    blobs.path(digest).unlink()
    assert blobs.path(digest).stat().st_size == 3_000_000


def test_what_a_killed_process_left_half_written_goes_by_age(blobs):
    left = blobs.root / "staging" / "tmpleft"
    left.write_bytes(b"half")
    with blobs.staged() as file:
        blobs.sweep(3600)
        assert left.exists()
        os.utime(left, (1, 1))
        blobs.sweep(3600)
        assert not left.exists()
        # whoever still writes keeps his
        assert Path(file.name).exists()


def test_a_blob_is_young_when_it_is_stored_not_when_it_was_written(blobs):
    with blobs.staged() as file:
        file.write(b"x")
        file.flush()
        os.utime(file.name, (1, 1))
        digest = blobs.keep(file).digest
    assert not blobs.delete(digest)


def test_a_blob_that_goes_while_the_old_ones_are_listed_stops_nobody(blobs):
    # of one folder, which is listed at once: their digests begin alike
    alike = [b for i in range(2000) if hashlib.sha256(b := str(i).encode()).digest()[0] == 0][:3]
    digests = {blobs.put_bytes(b).digest for b in alike}
    for digest in digests:
        os.utime(blobs.path(digest), (1, 1))
    listed = blobs.older(60)
    for digest in digests - {next(listed)}:
        assert blobs.delete(digest)
    assert list(listed) == []


def test_a_child_that_is_forked_while_the_lock_is_held_does_not_keep_it(blobs):
    with blobs._locked(fcntl.LOCK_EX):
        child = os.fork()
        if not child:
            signal.pause()
    try:
        with (blobs.root / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
