"""A tour of the service: start it, upload a model, explain real digits by two methods, look at the result, stop it.

`make demo` runs it, or `python examples/demo.py` where onnxplain is installed with all its extras.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from explainers.cli import show
from explainers.client import GOOD, Client
from explainers.render import contact_sheet
from explainers.types import Card, Explanation

DIGITS = Path(__file__).parent / "digits"
OUTPUT = Path("demo-output")
ITEMS = 16
METHODS: dict[str, dict[str, Any]] = {"input_x_gradient": {}, "occlusion": {"window": 2}}
START_SECONDS, STOP_SECONDS = 60, 30
console = Console(highlight=False)


@contextmanager
def service() -> Iterator[str]:
    """Start the embedded service on a free port, yield its address, stop it."""
    command = Path(sys.executable).with_name("onnxplain")
    with tempfile.TemporaryDirectory(prefix="onnxplain-demo-") as data:
        process = subprocess.Popen(
            [command, "serve", "--data", data, "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            yield address(process)
        finally:
            stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """Stop the service as Ctrl-C does, and its whole group if it does not listen."""
    process.send_signal(signal.SIGINT)
    try:
        console.print(f"service stopped, exit status {process.wait(STOP_SECONDS)}")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise SystemExit(f"the service did not stop within {STOP_SECONDS} s and was killed") from None


def address(process: subprocess.Popen[str]) -> str:
    """Return the address that the service prints when it answers; keep reading, so that its pipe never fills."""
    lines: Queue[str | None] = Queue()
    threading.Thread(target=pump, args=(process, lines), daemon=True).start()
    said: list[str] = []
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            line = lines.get(timeout=1)
        except Empty:
            continue
        if line is None:
            break
        said.append(line)
        if found := re.search(r"http://[\w.]+:\d+", line):
            return found[0]
    raise SystemExit("the service did not start; it said:\n" + "".join(said[-30:]))


def pump(process: subprocess.Popen[str], lines: Queue[str | None]) -> None:
    """Pass on what the service prints, then None."""
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


def digits() -> tuple[NDArray[Any], NDArray[Any]]:
    """Return held-out digits, one of each kind first, with what they are."""
    with np.load(DIGITS / "heldout.npz") as held:
        images, labels = held["input"], held["label"]
    firsts = [int(np.argmax(labels == digit)) for digit in range(10)]
    order = [*firsts, *(i for i in range(len(labels)) if i not in firsts)][:ITEMS]
    return images[order], labels[order]


def explain(client: Client, images: NDArray[Any]) -> dict[str, Explanation]:
    """Upload the model, run one job per method with a progress bar each, and fetch the explanations."""
    model = client.upload_model(
        DIGITS / "digits.onnx", Card.model_validate_json((DIGITS / "digits.card.json").read_bytes())
    )
    console.print(f"model    {model['id'][:16]}…  {model['nodes']} nodes, {model['parameters']:,} parameters")
    jobs = {
        method: client.submit(model["id"], method, {"input": images}, params=params, target="argmax")["id"]
        for method, params in METHODS.items()
    }
    columns = (TextColumn("{task.description:18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        ended = [follow(client, bars, method, job) for method, job in jobs.items()]
    console.print(show.jobs(ended))
    if not all(job["state"] in GOOD for job in ended):
        raise SystemExit(f"not every job succeeded: {[job['error'] for job in ended]}")
    return {method: client.result(job) for method, job in jobs.items()}


def follow(client: Client, bars: Progress, method: str, job: str) -> dict[str, Any]:
    """Show a job's progress until it ends."""
    bar = bars.add_task(method, total=ITEMS)
    ended = client.wait(job, lambda done, total, _: bars.update(bar, completed=done, total=total))
    done = ended["progress"]
    bars.update(bar, completed=done["done"], total=done["total"])
    return ended


def tell(results: dict[str, Explanation], labels: NDArray[Any]) -> None:
    """Print the predictions and the accounts."""
    first = next(iter(results.values()))
    scores = first.outputs["logits"]
    sure = np.exp(scores - scores.max(1, keepdims=True))
    sure /= sure.sum(1, keepdims=True)
    headers = [
        "item",
        "digit",
        "prediction",
        "probability",
        "logit",
        *(f"Σ {m.replace('_', ' ')}" for m in results),
    ]
    console.print(show.table(headers, [
        [i, int(labels[i]), int(scores[i].argmax()), f"{sure[i].max():.1%}", first.account.score[i],
         *(r.account.attribution_sum[i] for r in results.values())]
        for i in range(ITEMS)
    ], "predictions, and the sums of their attributions"))  # fmt: skip
    facts = ("explained", "items", "model_evaluations", "seconds", "provider")
    rows = [[name.replace("_", " "), *(getattr(r.account, name) for r in results.values())] for name in facts]
    console.print(show.table(["account", *results], rows))


def draw(results: dict[str, Explanation], images: NDArray[Any], labels: NDArray[Any]) -> Path:
    """Draw every digit with its overlays on one sheet."""
    card = Card.model_validate_json((DIGITS / "digits.card.json").read_bytes())
    index = next(iter(results.values())).account.index
    captions = {i: f"{labels[i]}, read as {index[i]}" for i in range(ITEMS)}
    title = "Handwritten digits: what speaks for (red) and against (blue) the chosen class"
    OUTPUT.mkdir(exist_ok=True)
    sheet = OUTPUT / "digits.png"
    sheet.write_bytes(contact_sheet(results, {"input": images}, captions, card, title=title))
    return sheet


def main() -> None:
    """Run the tour."""
    images, labels = digits()
    console.print("starting the service: broker, worker, API")
    with service() as url, Client(url) as client:
        console.print(f"service  {url}")
        results = explain(client, images)
        tell(results, labels)
        console.print(f"picture  {draw(results, images, labels)}")
        for method, result in results.items():
            arrays = OUTPUT / f"{method}.npz"
            result.save(arrays)
            console.print(f"arrays   {arrays}")


if __name__ == "__main__":
    main()
