from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from click.testing import CliRunner

import explainers
from explainers import errors
from explainers.cli import main
from explainers.client import Client, ServerUnreachable
from explainers.types import Card, Explanation

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
MODEL, THREE = str(DIGITS / "digits.onnx"), str(DIGITS / "three.png")
CARD = DIGITS / "digits.card.json"


@pytest.fixture(scope="module")
def client(url):
    with Client(url) as client:
        yield client


@pytest.fixture(scope="module")
def model(client):
    return client.upload_model(MODEL, Card.model_validate_json(CARD.read_bytes()))["id"]


@pytest.fixture(scope="module")
def pixels():
    return np.load(DIGITS / "heldout.npz")["input"][:6]


@pytest.fixture(scope="module")
def done(client, model, pixels):
    """A finished job."""
    job = client.submit(model, "occlusion", {"input": pixels}, params={"window": 2}, target="argmax")
    return client.wait(job["id"])["id"]


def command(url, *words):
    return CliRunner().invoke(main, [str(w) for w in (*words, "--server", url)])


@pytest.mark.parametrize("method", ["gradient", "input_x_gradient", "sensitivity", "occlusion"])
def test_command_line_and_service_give_the_same_arrays(method, url, client, model, tmp_path):
    words = ["--input", THREE, "--card", CARD, "--method", method, "--target", "argmax"]
    here = CliRunner().invoke(main, ["explain", MODEL, *map(str, words), "--out", str(tmp_path / "a.npz")])
    there = command(url, "submit", MODEL, *words)
    assert (here.exit_code, there.exit_code) == (0, 0), here.output + there.output
    client.wait(there.stdout.strip())
    local, remote = Explanation.load(tmp_path / "a.npz"), client.result(there.stdout.strip())
    assert local.arrays.keys() == remote.arrays.keys()
    for name, array in local.arrays.items():
        np.testing.assert_allclose(remote.arrays[name], array, rtol=1e-5, atol=1e-7)


def test_a_result_is_what_the_engine_gives(client, done, pixels):
    wanted = explainers.explain(explainers.load(MODEL), {"input": pixels}, "occlusion", {"window": 2})
    found = client.result(done)
    np.testing.assert_allclose(found.attributions["input"], wanted.attributions["input"], rtol=1e-5)
    assert found.account.index == wanted.account.index


def test_a_job_is_followed_to_its_end(client, model, pixels):
    seen = []
    job = client.submit(model, "gradient", {"input": pixels})
    ended = client.wait(job["id"], lambda *progress: seen.append(progress))
    assert ended["state"] == "succeeded"
    assert seen[-1] == (6, 6, "items")


def test_a_data_set_stands_for_inputs(client, model, pixels):
    dataset = client.upload_dataset({"input": pixels})
    assert dataset["items"] == 6
    job = client.wait(client.submit(model, "gradient", dataset=dataset["id"])["id"])
    assert (job["state"], job["items"]) == ("succeeded", 6)


def test_tensors_travel_as_json_where_a_file_cannot(client, model, pixels):
    with pytest.raises(errors.InvalidRequest, match="request"):
        client.submit(model, "gradient", {"request": pixels})


def test_the_same_key_never_makes_a_second_job(client, model, pixels):
    first, second = (client.submit(model, "gradient", {"input": pixels}, key="once")["id"] for _ in range(2))
    assert first == second


def test_jobs_are_listed_newest_first_over_pages(client, done):
    listed = [job["id"] for job in client.jobs(limit=500)]
    assert done in listed
    assert len(listed) == len(set(listed))
    assert len(list(client.jobs(limit=1))) == 1
    assert {job["method"] for job in client.jobs(method="occlusion")} == {"occlusion"}


def test_methods_picture_and_manifest(client, done, model):
    assert set(client.methods()) == set(explainers.methods())
    assert client.picture(done, 5).startswith(b"\x89PNG")
    assert client.manifest(done)["model"]
    assert client.model(model)["parameters"] == 6282
    assert client.account(done)["account"]["items"] == 6


def test_refusals_come_back_as_the_engines_errors(client, model, pixels):
    with pytest.raises(errors.InvalidRequest) as caught:
        client.submit(model, "occlusion", {"input": pixels}, target=99)
    assert caught.value.pointer == "/target/index"
    with pytest.raises(errors.ModelRefused, match="no ONNX model"):
        client.upload_model(b"garbage")
    with pytest.raises(errors.ExplainError, match="no job 'nope'"):
        client.job("nope")


def test_what_is_no_service_is_said(url):
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(ServerUnreachable, match="no service answers"):
        nobody.methods()
    with Client(f"{url}/elsewhere") as wrong, pytest.raises(errors.ExplainError):
        wrong.methods()


@contextmanager
def faulty_line(url):
    """A line to the server that breaks its first connection behind the first event; the connections are listed."""
    there = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lines: list[socket.socket] = []
        place = (there.hostname, there.port)
        threading.Thread(target=accept, args=(listener, place, lines), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", lines


def accept(listener, place, lines):
    with suppress(OSError):
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(place)
            end = None if lines else re.compile(rb"\nevent: .*\ndata: .*\n\n")
            lines.append(near)
            for way in ((near, far, None), (far, near, end)):
                threading.Thread(target=carry, args=way, daemon=True).start()


def carry(source, sink, end):
    """Pass bytes on until one side closes, or until what has passed holds `end`."""
    passed = b""
    # each half of a line may find it cut by the other
    with source, sink, suppress(OSError):
        while not (end and end.search(passed)) and (byte := source.recv(1 if end else 65536)):
            sink.sendall(byte)
            passed += byte
        for side in (source, sink):
            side.shutdown(socket.SHUT_RDWR)


def test_a_broken_stream_of_events_is_resumed_without_loss(url, client, done):
    wanted = list(client.events(done))
    assert len(wanted) >= 2
    with faulty_line(url) as (address, lines), Client(address) as far:
        assert list(far.events(done)) == wanted
        assert len(lines) > 1


def test_submit_prints_an_id_that_the_other_commands_take(url, tmp_path):
    submitted = command(url, "submit", MODEL, "--input", DIGITS / "heldout.npz", "--method", "gradient")
    job = submitted.stdout.strip()
    assert submitted.exit_code == 0, submitted.output
    watched = command(url, "watch", job)
    assert (watched.exit_code, watched.stdout) == (0, f"{job} succeeded\n")
    assert job in command(url, "status").stdout
    assert json.loads(command(url, "status", job, "--json").stdout)["state"] == "succeeded"
    fetched = command(url, "result", job, "--out", tmp_path / "r.npz", "--plot", tmp_path / "r.png")
    assert fetched.exit_code == 0, fetched.output
    assert len(Explanation.load(tmp_path / "r.npz").attributions["input"]) == 64
    assert "class 7" in fetched.stdout


def test_a_model_of_the_server_is_named_by_its_id(url, model):
    done = command(url, "submit", model, "--input", THREE, "--method", "gradient")
    assert done.exit_code == 0, done.output
    assert command(url, "submit", "nope", "--input", THREE, "--method", "gradient").exit_code == 1


def test_a_file_is_a_data_set(url, client, tmp_path, pixels):
    np.save(tmp_path / "x.npy", pixels)
    done = command(url, "submit", MODEL, "--dataset", tmp_path / "x.npy", "--method", "gradient")
    assert done.exit_code == 0, done.output
    assert client.wait(done.stdout.strip())["items"] == 6


def test_a_job_that_waits_is_cancelled_and_has_no_result(url, client, model, pixels):
    many = np.repeat(pixels, 3000, axis=0)
    job = client.submit(model, "occlusion", {"input": many})["id"]
    assert command(url, "cancel", job).exit_code == 0
    watched = command(url, "watch", job)
    assert watched.exit_code == 1
    assert "was cancelled" in watched.stderr
    assert command(url, "result", job).exit_code == 1
    assert "has ended already" in command(url, "cancel", job).stderr


def test_the_key_comes_from_a_file(url, tmp_path):
    (tmp_path / "key").write_text("secret\n")
    done = command(url, "status", "--key-file", tmp_path / "key")

    # a service without keys is open, but a key that it does not know was meant for another one
    assert (done.exit_code, command(url, "status").exit_code) == (1, 0)
    assert "needs a key or token that is known" in done.stderr


def test_a_refused_job_is_a_wrong_request(url):
    done = command(
        url, "submit", MODEL, "--input", DIGITS / "heldout.npz", "--method", "gradient", "--target", "99"
    )
    assert done.exit_code == 2
    assert "--target index: 99 is no class" in done.stderr


def test_the_client_needs_no_runtime():
    code = "import sys, explainers.client, explainers.cli.submit; sys.exit(bool({'onnxruntime', 'onnx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
