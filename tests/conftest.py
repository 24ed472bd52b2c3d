"""What the tests of the service share: a small model, and a running stack of real broker, ledger and worker."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from reference import postgresql as postgresql_server
from reference.patience import PATIENCE

from api.listening import listen
from workers.broker import Broker
from workers.service import Service
from workers.settings import Settings
from workers.tether import tied

ROOT = Path(__file__).parents[1]
QUICK = {
    "slots": 2,
    "lease_seconds": 3.0,
    "renew_seconds": 0.5,
    "tick_seconds": 0.2,
    "reconcile_seconds": 0.5,
    "republish_seconds": 2.0,
    "heartbeat_seconds": 0.5,
    "cancel_seconds": 2.0,
}
# many services stand beside each other in a test run, and each of them for long
os.environ |= {"ONNXPLAIN_RUNNERS_MEMORY": str(2 << 30), "ONNXPLAIN_RUNNER_IDLE_SECONDS": "30"}


def mlp(inputs: int = 4, hidden: int = 8, classes: int = 3, seed: int = 0) -> bytes:
    """Gemm, Relu, Gemm."""
    rng = np.random.default_rng(seed)
    shapes = {"w": (inputs, hidden), "b": (hidden,), "v": (hidden, classes), "c": (classes,)}
    weights = [numpy_helper.from_array(rng.normal(size=s).astype("f4"), n) for n, s in shapes.items()]
    nodes = [
        helper.make_node("Gemm", ["input", "w", "b"], ["hidden"], name="first"),
        helper.make_node("Relu", ["hidden"], ["active"], name="relu"),
        helper.make_node("Gemm", ["active", "v", "c"], ["logits"], name="second"),
    ]
    graph = helper.make_graph(
        nodes,
        "mlp",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", inputs])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


class Stack:
    """Broker, ledger, blobs and one worker, as processes, in a folder of their own."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.broker = Broker(folder / "broker")
        self.broker.start()
        fields = {**QUICK, "data": folder, "redis_url": self.broker.url, **changes}
        self.settings = Settings(**fields)
        self.service = Service.open(self.settings)
        self.log = (folder / "worker.log").open("ab")
        self.worker = self.start_worker()

    def start_worker(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self.settings.environment(), "PYTHONPATH": str(ROOT)}
        # tied, so that a test run that is killed leaves no worker behind
        command = tied([sys.executable, "-P", "-m", "workers.worker"])
        self.worker = subprocess.Popen(command, env=environment, stdout=self.log, stderr=self.log)
        self.until(lambda: self.service.ready().worker, PATIENCE)
        return self.worker

    def stop_worker(self) -> None:
        self.worker.send_signal(signal.SIGTERM)
        try:
            self.worker.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.worker.kill()
            self.worker.wait()

    def until(self, true: Callable[[], Any], seconds: float) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < deadline, Path(self.log.name).read_text()[-3000:]
            time.sleep(0.02)
        return found

    def add_model(self, data: bytes, **card: Any) -> str:
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            file.write(data)
            file.flush()
            return self.service.add_model("default", Path(file.name), {}, card or None)[0].id

    def stop(self) -> None:
        self.stop_worker()
        self.service.close()
        self.broker.stop()
        self.log.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgresql_server.Cluster]:
    """A private PostgreSQL cluster."""
    server = postgresql_server.programs()
    if server is None:
        assert not os.environ.get("ONNXPLAIN_TEST_ALL"), "PostgreSQL's server is not installed"
        pytest.skip("PostgreSQL's server (initdb, postgres) is not installed")
    with postgresql_server.cluster(server) as running:
        yield running


@pytest.fixture(scope="session")
def make_mlp() -> Callable[..., bytes]:
    return mlp


@pytest.fixture(scope="session")
def mlp_bytes() -> bytes:
    return mlp()


@pytest.fixture(scope="session")
def make_stack() -> Iterator[Callable[..., Stack]]:
    """Starts stacks with settings of their own; all are stopped at the end."""
    stacks: list[Stack] = []
    folders: list[str] = []

    def make(**changes: Any) -> Stack:
        folders.append(tempfile.mkdtemp(prefix="oxp-test-"))
        stacks.append(Stack(Path(folders[-1]), **changes))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.stop()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def service_stack(make_stack: Callable[..., Stack]) -> Stack:
    """A running stack; its `settings.environment()` lets other processes join it."""
    return make_stack()


@contextmanager
def web(stack: Stack) -> Iterator[str]:
    """Run a real web server on a stack."""
    log = (stack.settings.data / "web.log").open("ab")
    with listen("127.0.0.1", 0) as listener, log:
        bound = f"fd://{listener.fileno()}"
        command = [sys.executable, "-m", "gunicorn", "-c", "python:api.gunicorn", "--bind", bound]
        env = {**os.environ, **stack.settings.environment()}
        server = subprocess.Popen(
            command, cwd=ROOT, env=env, pass_fds=[listener.fileno()], stdout=log, stderr=log
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            # it listens already, and answers once it has started
            httpx.get(f"{url}/healthz", timeout=PATIENCE, trust_env=False)
            yield url
        finally:
            server.terminate()
            status = server.wait(PATIENCE)
        assert status == 0, (stack.settings.data / "web.log").read_text()[-3000:]


@pytest.fixture(scope="session")
def make_url(make_stack) -> Iterator[Callable[[Stack], str]]:
    """Starts web servers on stacks; all are stopped at the end."""
    with ExitStack() as servers:
        yield lambda stack: servers.enter_context(web(stack))


@pytest.fixture(scope="session")
def url(make_url, service_stack) -> str:
    """Address of a real web server on the running stack."""
    return make_url(service_stack)
