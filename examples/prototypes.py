"""What the digit classifier takes each digit to be: simple prototypes, with an expert, and in code space, in one figure.

`make demo-prototypes` runs it; `python examples/prototypes.py [FILE.png]` where onnxplain is installed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import explainers
from explainers.cli import show
from explainers.runtime import Session
from explainers.types import Explanation

HERE = Path(__file__).parent / "digits"
SIDE, STEP, LEFT, HEAD = 0.92, 1.1, 2.35, 0.8
"""Inches: from one digit to the next, from one row to the next, the words' width, the heading's height."""
FAINT = "#59636e"
DECODER, DENSITY = str(HERE / "decoder.onnx"), str(HERE / "density.onnx")
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "simple": ("log p(class | x) − λ‖x‖²", {"l2": 0.01, "start": "mean"}),
    "expert": ("log p(class | x) + log p(x)", {"expert": DENSITY, "start": "class_mean"}),
    "code, from the mean": ("log p(class | g(z)) − λ‖z‖²", {"generator": DECODER, "start": "mean"}),
    "code, from class means": ("the same, begun elsewhere", {"generator": DECODER, "start": "class_mean"}),
}


def data() -> tuple[NDArray[Any], NDArray[Any]]:
    """Return scikit-learn's 1,797 digits with pixels in [0, 1], and what they are."""
    images, labels = load_digits(return_X_y=True)
    return (images / 16).astype(np.float32).reshape(-1, 1, 8, 8), labels


def found(images: NDArray[Any], labels: NDArray[Any]) -> dict[str, Explanation]:
    """Search for the ten classes in each way, all ten in one batch."""
    model = explainers.load(HERE / "digits.onnx", card=json.loads((HERE / "digits.card.json").read_text()))
    named = {"labels": [int(c) for c in labels]}
    return {
        way: explainers.explain(model, images, "activation_maximization", {**params, **named})
        for way, (_, params) in WAYS.items()
    }


def figures(ways: dict[str, Explanation]) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Return, for each way, log p(class | x) and log p(x) of its ten prototypes, by the shipped models."""
    density, model = (Session((HERE / f"{name}.onnx").read_bytes()) for name in ("density", "digits"))
    out = {}
    for way, explanation in ways.items():
        x = explanation.arrays["prototype.input"]
        z = model.run({"input": x})["logits"].astype(np.float64)
        logs = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
        out[way] = np.diagonal(logs), density.run({"x": x})["log_p"]
    return out


def draw(
    ways: dict[str, Explanation], said: dict[str, tuple[NDArray[Any], NDArray[Any]]], means: NDArray[Any]
) -> Figure:
    """Draw a row per way under the mean of each class, each prototype with its probability."""
    rows = {"mean of the class": means} | {way: e.arrays["prototype.input"] for way, e in ways.items()}
    notes = {"mean of the class": ["of 1,797 digits"]} | {
        way: [words, f"median log p(x): {np.median(said[way][1]):.0f}"] for way, (words, _) in WAYS.items()
    }
    figure = Figure((LEFT + 10 * SIDE + 0.2, HEAD + len(rows) * STEP), dpi=110)
    heading = "What a network takes the ten digits to be; above each prototype its p(class | x)"
    say(figure, 0.3, heading, fontsize=13, fontweight="bold")
    for line, (way, pictures) in enumerate(rows.items()):
        top = HEAD + line * STEP
        say(figure, top + 0.3, way, fontsize=10, fontweight="bold")
        for k, words in enumerate(notes[way], 1):
            say(figure, top + 0.32 + 0.18 * k, words, fontsize=8, color=FAINT)
        for c, picture in enumerate(pictures):
            title = str(c) if not line else f"{np.exp(said[way][0][c]):.2%}"
            panel(figure, picture[0], (LEFT + c * SIDE, top), title, heading=not line)
    return figure


def say(figure: Figure, top: float, words: str, **style: Any) -> None:
    """Write words at the left edge, so many inches from the top."""
    width, height = figure.get_size_inches()
    figure.text(0.15 / width, 1 - top / height, words, va="center", **style)


def panel(
    figure: Figure, picture: NDArray[Any], place: tuple[float, float], title: str, *, heading: bool
) -> None:
    """Draw one digit, black for 0 and white for 1; its place is in inches from the top left."""
    width, height = figure.get_size_inches()
    side = 0.9 * SIDE
    axes = figure.add_axes((place[0] / width, 1 - (place[1] + side) / height, side / width, side / height))
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=11 if heading else 7.5, fontweight="bold" if heading else "normal", pad=3)


def main(path: Path) -> None:
    """Search, print the figures, and draw."""
    images, labels = data()
    ways = found(images, labels)
    said = figures(ways)
    rows = [
        [
            way,
            float(said[way][0].min()),
            float(np.median(said[way][1])),
            e.account.facts["steps"],
            e.account.seconds,
        ]
        for way, e in ways.items()
    ]
    headers = ["way", "least log p(class | x)", "median log p(x)", "steps", "seconds"]
    show.out().print(show.table(headers, rows, "prototypes of the ten digits"))
    path.parent.mkdir(parents=True, exist_ok=True)
    means = np.stack([images[labels == c].mean(0) for c in range(10)])
    draw(ways, said, means).savefig(path, metadata={"Software": None})
    print(f"picture  {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo-output/prototypes.png"))
