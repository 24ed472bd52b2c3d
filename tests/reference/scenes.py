"""Made-up explanations, one for every kind of picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from explainers.render import Scene, draw
from explainers.types import Account, Card, Explanation, InputCard, OutputCard

RNG = np.random.default_rng(0)
LABELS = ["zero", "one", "two"]
IMAGE = {"kind": "image", "layout": "NCHW", "low": 0, "high": 1}


def scene(arrays, card=None, inputs=None, item=0, items=3, **figures):
    account = Account(
        params=figures.pop("params", {}), target={}, seed=0, provider="cpu", versions={}, model="m", items=items,
        **{"method": "some_method", "explained": "logits", "score": [2.5] * items, "index": [1] * items, **figures},
    )  # fmt: skip
    cards = Card(inputs={"x": InputCard(**(card or {}))}, outputs={"logits": OutputCard(labels=LABELS)})
    return Scene(Explanation(arrays, account), inputs or {}, cards, item)


def normal(*shape):
    return RNG.normal(size=shape)


def of_images():
    x = RNG.uniform(size=(3, 1, 8, 8))
    return scene({"attribution.x": normal(3, 1, 8, 8)}, IMAGE, {"x": x})


def of_segments():
    numbers = np.broadcast_to(np.arange(64).reshape(8, 8) // 16, (3, 1, 8, 8))
    worth = normal(4)
    arrays = {"attribution.x": worth[numbers], "error.x": 0.1 * np.abs(worth)[numbers], "segment.x": numbers}
    return scene(arrays, IMAGE, {"x": RNG.uniform(size=(3, 1, 8, 8))})


def of_a_table(item=0, features=30):
    names = [f"a feature called {i}" for i in range(features)]
    x, values = normal(3, features), normal(3, features)
    arrays = {"attribution.x": values, "error.x": np.abs(values) * 0.1}
    totals = {"score": list(values.sum(1) + 0.5), "attribution_sum": list(values.sum(1))}
    figures = {"method": "kernel_shap", "per_item": {"baseline_score": [0.5] * 3}, **totals}
    return scene(arrays, {"kind": "tabular", "feature_names": names}, {"x": x}, item, **figures)


def of_interactions(features=12):
    drawn, pairs = of_a_table(features=features), normal(3, features, features)
    arrays = drawn.explanation.arrays | {"interactions": pairs + pairs.swapaxes(1, 2)}
    return replace(drawn, explanation=Explanation(arrays, drawn.explanation.account))


def of_words():
    words = np.array([["a", "film", "that", "nobody", "should", "miss"] * 8] * 3)
    return scene({"attribution.x": normal(3, 48)}, {"kind": "text"}, {"x": words})


def of_series():
    card = {"kind": "series", "layout": "NTC", "rate": 50.0, "feature_names": ["left", "right"]}
    return scene({"attribution.x": normal(3, 100, 2)}, card, {"x": normal(3, 100, 2)})


def of_volumes():
    card = {"kind": "volume", "layout": "NCDHW"}
    return scene({"attribution.x": normal(3, 1, 15, 8, 8)}, card, {"x": RNG.uniform(size=(3, 1, 15, 8, 8))})


def of_importance(card=None, shape=(12,)):
    mean = np.abs(normal(*shape))
    arrays = {
        "importance.x": mean,
        "error.x": 0.1 * mean,
        "repeats.x": mean.reshape(1, -1) + 0.1 * normal(5, mean.size),
    }
    facts = {"metric": "accuracy", "unshuffled": 0.9}
    return scene(arrays, card or {"kind": "tabular"}, item=None, facts=facts)


def of_curves():
    grid = np.sort(normal(5, 20), axis=1)
    ice = grid[None] * normal(5, 1) + normal(40, 5, 1)
    card = {"kind": "tabular", "feature_names": [f"name {i}" for i in range(9)]}
    return scene({"ice.x": ice, "grid.x": grid}, card, item=None, facts={"features": {"x": [0, 2, 4, 6, 8]}})


def of_prototypes(shape=(1, 8, 8), card=None):
    found = RNG.uniform(size=(3, *shape))
    arrays = {
        "prototype.x": found, "score": np.array([-0.1, -0.2, -0.3]), "curve": np.cumsum(RNG.uniform(size=(50, 3)), 0),
        "film.x": np.stack([found * a for a in np.linspace(0, 1, 12)]),
    }  # fmt: skip
    return scene(arrays, card or IMAGE, item=None, index=[0, 1, 2])


def of_patches():
    found = RNG.uniform(size=(4, 9, 1, 5, 5))
    box = np.tile([1, 1, 6, 6], (4, 9, 1))
    box[0, 0] = [0, 5, 3, 8]  # cut short above and at the right
    arrays = {
        "patch.x": found, "projection.x": normal(4, 9, 1, 5, 5), "activation": -np.sort(-normal(4, 9), 1),
        "item": RNG.integers(0, 99, (4, 9)), "box": box, "unit": np.array([3, 5, 8, 9]),
    }  # fmt: skip
    return scene(arrays, IMAGE, item=None, params={"project": "lrp"})


def of_inversions():
    x = RNG.uniform(size=(2, 1, 8, 8))
    arrays = {"prototype.x": x[[0, 0, 1, 1]], "score": np.array([0.1, 0.2, 0.3, 0.4])}
    figures = {"per_item": {"item": [0.0, 0.0, 1.0, 1.0]}, "index": [], "explained": "conv"}
    return scene(arrays, IMAGE, {"x": x}, None, items=4, **figures)


def of_columns_of_words():
    grids = {"colour": np.array([["blue", "green", "red"]]), "age": np.array([[1.0, 2.0, 3.0]])}
    arrays = {f"ice.{n}": normal(20, 1, 3) for n in grids} | {f"grid.{n}": g for n, g in grids.items()}
    return scene(arrays, item=None)


def of_a_map():
    arrays = {"map": normal(60, 2), "label": RNG.integers(0, 3, 60)}
    return scene(arrays, IMAGE, {"x": RNG.uniform(size=(60, 1, 8, 8))}, None, items=60)


def of_attention(heads=4, places=8):
    maps = RNG.dirichlet(np.ones(places), size=(3, heads, places))
    tokens = np.array([["the", "film", "was", "not", "so", "very", "bad", "."][:places]] * 3)
    arrays = {"attention.block": maps, "weighted.block": maps, "token.x": tokens}
    arrays |= {"rollout": maps.mean(1), "weighted_rollout": maps.mean(1)}
    return scene(arrays, {"kind": "tokens"})


def of_weights():
    weights = normal(3, 6)
    return scene({"filter.fc": weights, "importance.x": np.abs(weights)}, {"kind": "tabular"}, item=None)


SCENES = {
    "image": of_images, "segments": of_segments, "bars": of_a_table, "waterfall": of_a_table,
    "items": lambda: replace(of_images(), item=None), "beeswarm": lambda: of_a_table(None),
    "interactions": of_interactions, "words": of_words, "series": of_series, "volume": of_volumes,
    "matrix": lambda: scene({"attribution.x": normal(3, 4, 12, 33)}),
    "importance": of_importance, "dependence": of_curves, "prototype": of_prototypes, "film": of_prototypes,
    "objective": of_prototypes, "filters": lambda: scene({"filter.conv": normal(32, 16, 3, 3)}, item=None),
    "activations": lambda: scene({"activation.conv": normal(3, 70, 8, 8)}),
    "magnitude": of_weights, "patches": of_patches, "embedding": of_a_map, "attention": of_attention, "rollout": of_attention,
    "weighted": of_attention, "weighted_rollout": of_attention, "projection": of_patches,
}  # fmt: skip
MORE = {
    "interactions of two": lambda: of_interactions(2),
    "importance of an image": lambda: of_importance(IMAGE, (1, 8, 8)),
    "importance of words": lambda: of_importance({"kind": "tokens"}, (7,)),
    "importance of a series": lambda: of_importance({"kind": "series"}, (70,)),
    "importance of a volume": lambda: of_importance({"kind": "volume", "layout": "NDHW"}, (4, 8, 8)),
    "prototypes of a table": lambda: of_prototypes((5,), {"kind": "tabular"}),
    "prototypes of a series": lambda: of_prototypes((60, 2), {"kind": "series", "layout": "NTC"}),
    "colour filters": lambda: scene({"filter.conv": normal(64, 3, 7, 7)}, item=None),
    "filters of one channel": lambda: scene({"filter.conv": normal(8, 1, 3, 3)}, item=None),
    "weights of a matrix": lambda: scene({"filter.fc": normal(10, 64)}, item=None),
    "units without space": lambda: scene({"activation.fc": normal(3, 40)}),
    "activations above zero": lambda: scene({"activation.conv": np.abs(normal(3, 8, 8, 8))}),
    "twelve heads": lambda: of_attention(12),
    "inversions": of_inversions,
    "columns of words": of_columns_of_words,
    "two features": lambda: of_a_table(0, 2),
    "rise of an image": lambda: offset(of_images()),
    "rise of images": lambda: offset(replace(of_images(), item=None)),
    "rise of a table": lambda: offset(of_a_table()),
    "rise of tables": lambda: offset(of_a_table(None)),
    "rise of columns": lambda: offset(of_columns()),
    "rise of words": lambda: offset(of_words()),
    "rise of a series": lambda: offset(of_series()),
    "rise of a volume": lambda: offset(of_volumes()),
    "rise of a matrix": lambda: offset(scene({"attribution.x": normal(3, 4, 12, 33)})),
}


def offset(drawn, centre=-7.5, names=("",)):
    """Return a scene as rise gives it: its values about a mean score, another for each item."""
    account, arrays = drawn.explanation.account, dict(drawn.explanation.arrays)
    centres = centre - np.arange(account.items)
    for name in (n for n in arrays if n.startswith("attribution.")):
        arrays[name] = arrays[name] + centres.reshape(-1, *[1] * (arrays[name].ndim - 1))
    figures = account.per_item | {f"masked_score{n}": list(centres) for n in names}
    account = account.model_copy(update={"method": "rise", "per_item": figures})
    return replace(drawn, explanation=Explanation(arrays, account))


def of_columns():
    arrays = {f"attribution.{n}": normal(3, 1) for n in ("age", "fare")}
    return scene(arrays, inputs={n.partition(".")[2]: normal(3, 1) for n in arrays})


def figure(name):
    return draw(SCENES[name]() if name in SCENES else MORE[name](), name if name in SCENES else None)
