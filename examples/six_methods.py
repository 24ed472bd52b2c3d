"""The same digits under six methods, side by side: docs/images/six-methods.png.

Run it with `python examples/six_methods.py [FILE.png]`; nothing is downloaded and no server is needed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

import explainers
from explainers.render import contact_sheet
from explainers.types import Card

HERE = Path(__file__).parent / "digits"
METHODS = {
    "gradient": {},
    "input_x_gradient": {},
    "integrated_gradients": {},
    "lrp": {"composite": "epsilon_plus_flat"},
    "deep_taylor": {"low": 0.0, "high": 1.0},
    "occlusion": {},
}
DIGITS = 4


def main(path: Path) -> None:
    """Explain a few digits that the model has not seen, each towards its own class, and draw them."""
    card = Card.model_validate(json.loads((HERE / "digits.card.json").read_text()))
    model = explainers.load(HERE / "digits.onnx", card)
    with np.load(HERE / "heldout.npz") as held:
        images = held["input"][:DIGITS]
    found = {m: explainers.explain(model, images, m, params) for m, params in METHODS.items()}
    index = next(iter(found.values())).account.index
    captions = {i: f"read as {c}" for i, c in enumerate(index)}
    title = "Six methods: what speaks for (red) and against (blue)"
    names = {m.replace("integrated_gradients", "integrated_grad."): e for m, e in found.items()}
    path.write_bytes(contact_sheet(names, {"input": images}, captions, card, title=title, across=1))
    print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("six-methods.png"))
