"""One picture of every kind, small enough for a page: docs/images/pictures/.

Run it with `python examples/gallery.py [FOLDER]`; nothing is downloaded and no server is needed.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gallery_models as models
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import explainers
from explainers.render import picture
from explainers.types import Card, Explanation

DIGITS = Path(__file__).parent / "digits"
MOST_BYTES = 100_000
"""What a picture may have; fewer colours make larger ones smaller."""


def main(folder: Path) -> None:
    """Draw everything into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in (images, texts, tables, series, volumes, prototypes, insides, attentions):
        part(lambda name, made: _write(folder / f"{name}.png", made))


def _write(path: Path, made: bytes) -> None:
    data = _packed(made)
    if len(data) > MOST_BYTES:
        data = _packed(made, 256)
    assert len(data) < MOST_BYTES, f"{path.name} has {len(data)} bytes"
    path.write_bytes(data)
    print(f"wrote {path.name}, {len(data) // 1000} kB")


def _packed(made: bytes, colours: int = 0) -> bytes:
    """Return a picture without transparency, with fewer colours where these are given."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(made)) as image:
        flat = image.convert("RGB")
        flat = (
            flat.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE) if colours else flat
        )
        flat.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


Keep = Callable[[str, bytes], None]


class Case:
    """A model with its card and inputs; explanations of it, drawn."""

    def __init__(self, made: tuple[Any, dict[str, Any], Any]) -> None:
        proto, card, x = made
        self.card = Card.model_validate(card)
        self.model = explainers.load(proto, card=self.card)
        self.inputs = {self.model.description.inputs[0].name: x}

    def explain(self, method: str, params: dict[str, Any] | None = None, **more: Any) -> Explanation:
        """Explain the inputs."""
        return explainers.explain(self.model, self.inputs, method, params, **more)

    def drawn(self, method: str) -> bytes:
        """Explain the inputs, and draw the first."""
        return self.draw(self.explain(method))

    def draw(self, found: Explanation, item: int | None = 0, **more: Any) -> bytes:
        """Draw one item, or all."""
        return picture(found, self.inputs, item, self.card, **more)


def digits(count: int = 1797) -> Case:
    """Return the digit classifier with digits that it has not seen."""
    card = json.loads((DIGITS / "digits.card.json").read_text())
    with np.load(DIGITS / "heldout.npz") as held:
        return Case((DIGITS / "digits.onnx", card, held["input"][:count]))


def images(keep: Keep) -> None:
    """An overlay, one about a mean score, segments with their errors, a batch."""
    photo, few = Case(models.orange()), digits(10)
    keep("image", photo.draw(photo.explain("occlusion", {"window": 8, "stride": 4})))
    keep("rise", photo.draw(photo.explain("rise", {"masks": 3000})))
    keep("segments", photo.draw(photo.explain("lime", {"segments": "slic", "count": 24, "samples": 600})))
    keep("items", few.draw(few.explain("lrp"), None))


def texts(keep: Keep) -> None:
    """Words in colours."""
    review = Case(models.review())
    keep("words", review.draw(review.explain("feature_ablation", {"fill": 0})))


def tables(keep: Keep) -> None:
    """Bars with errors, a waterfall, interactions, a swarm, importances, curves."""
    tumours = Case(models.tumours())
    rows = tumours.inputs["cells"]
    one = Case(models.tumours())
    one.inputs = {"cells": rows[:1]}
    typical = rows[::10].tolist()
    shared = one.explain("kernel_shap", {"background": typical, "samples": 600})
    keep("bars", one.draw(shared))
    keep("waterfall", one.draw(shared, view="waterfall"))
    together = {
        "background": rows[::80].tolist(),
        "groups": [i % 10 for i in range(30)],
        "interactions": True,
    }
    keep("interactions", one.draw(one.explain("exact_shapley", together), view="interactions"))
    sampled = {"background": rows[::40].tolist(), "samples": 20}
    keep("beeswarm", tumours.draw(tumours.explain("shapley_sampling", sampled), None))
    shuffled = {"metric": "mse", "labels": [float(v) for v in _answers(tumours)], "repeats": 10}
    keep("importance", tumours.draw(tumours.explain("permutation_importance", shuffled), None))
    moved = {"features": ["worst texture", "worst area", "mean concave points"], "grid": 20}
    keep("dependence", tumours.draw(tumours.explain("partial_dependence", moved), None))


def _answers(case: Case) -> Any:
    return case.explain("gradient").outputs["benign"][:, 0]


def series(keep: Keep) -> None:
    """Windows of a recording."""
    beats = Case(models.beats())
    keep(
        "series",
        beats.draw(beats.explain("kernel_shap", {"groups": "windows", "segments": 20, "samples": 600})),
    )


def volumes(keep: Keep) -> None:
    """Slices of a scan."""
    ball = Case(models.ball())
    keep("volume", ball.draw(ball.explain("occlusion", {"window": 4, "stride": 4})))


def prototypes(keep: Keep) -> None:
    """What the digit classifier takes digits to be, how that came about, and what a layer has kept."""
    every = digits(60)
    found = every.explain("activation_maximization", {"start": "mean", "steps": 128, "l2": 0.01}, target=None)
    keep("prototype", every.draw(found, None))
    keep("film", every.draw(found, None, view="film"))
    keep("objective", every.draw(found, None, view="objective"))
    few = digits(3)
    layer = next(iter(few.explain("activations").arrays)).removeprefix("activation.")
    keep(
        "inversion",
        few.draw(few.explain("feature_inversion", {"layer": layer, "count": 2, "steps": 200}), None),
    )


def insides(keep: Keep) -> None:
    """Weights, activations, patches with what drives a unit in them, a map."""
    every = digits()
    images, _ = load_digits(return_X_y=True)
    many = digits()
    many.inputs = {"input": (images[:900] / 16).astype("f4").reshape(-1, 1, 8, 8)}
    keep("filters", every.draw(every.explain("filters"), None))
    keep("activations", every.draw(digits(1).explain("activations")))
    top = every.explain("top_activations", {"units": list(range(6)), "project": "lrp"})
    keep("patches", every.draw(top, None))
    keep("projection", every.draw(top, None, view="projection"))
    keep("embedding", many.draw(many.explain("embedding_map"), None))
    petals = Case(models.petals())
    keep("magnitude", petals.draw(petals.explain("filters"), None, view="magnitude"))
    keep("matrix", Case(models.notes()).drawn("input_x_gradient"))


def attentions(keep: Keep) -> None:
    """Where each word looks."""
    reader = Case(models.reader())
    found = reader.explain("attention", {"gradient": True, "rollout": True})
    for view in ("attention", "rollout", "weighted", "weighted_rollout"):
        keep(view, reader.draw(found, view=view))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("pictures"))
