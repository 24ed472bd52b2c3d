"""Where each method is put to the laws: models, parameters, and how complete its sums must be. A method without a row fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A model of `small_models`, the parameters, and the greatest share of the score difference that the sum may miss."""

    model: str
    params: dict[str, Any] = field(default_factory=dict)
    incomplete: float = 1e-4
    batched: float = 1e-5
    """How far, relative to the greatest value, an item may differ between a batch and alone."""


EVERYWHERE = [Row("image"), Row("smooth"), Row("tokens"), Row("series")]

ROWS: dict[str, list[Row]] = {
    "gradient": EVERYWHERE,
    "sensitivity": EVERYWHERE,
    "input_x_gradient": EVERYWHERE,
    "occlusion": [Row("image"), Row("smooth"), Row("series", {"window": 1})],
    "feature_ablation": [
        *EVERYWHERE,
        Row("image", {"fill": "blur", "segments": 9}),
        Row("smooth", {"budget": 3}),
    ],
    "rise": [
        *(Row(m, {"masks": 200}) for m in ("image", "smooth", "tokens", "series")),
        Row("image", {"masks": 600, "cells": 3, "fill": "mean", "tolerance": 0.02}),
    ],
    "exact_shapley": [
        Row("image", {"segments": 6}),
        *(Row(m) for m in ("smooth", "tokens", "series")),
        Row("smooth", {"background": [[0.1, 0.2, 0.3, 0.4, 0.5], [1, 0, 1, 0, 1]], "interactions": True}),
    ],
    "partition_shap": [
        Row("image", {"segments": 8}),
        *(Row(m) for m in ("smooth", "tokens", "series")),
        Row("smooth", {"hierarchy": [[0, 4], [1, 2, 3]]}),
    ],
    "kernel_shap": [
        *EVERYWHERE,
        Row("image", {"segments": 12, "samples": 200}),
        Row("image", {"segments": 36, "tolerance": 0.05, "fill": "mean"}),
    ],
    "meaningful_perturbation": [*(Row(m, {"steps": 20}) for m in ("image", "smooth", "tokens", "series"))],
    "lime": [
        *(Row(m, {"samples": 60}) for m in ("image", "smooth", "tokens", "series")),
        Row("image", {"segments": "slic", "count": 6, "samples": 16, "features": 3}),
        Row(
            "smooth",
            {
                "samples": 60,
                "discretize": "quartiles",
                "background": [[0.1, 0.2, 0.3, 0.4, 0.5], [1, 0, 1, 0, 1]],
            },
        ),
    ],
    "permutation_importance": [
        Row("smooth", {"labels": [0, 1]}),
        Row("image", {"metric": "score", "groups": "grid"}),
        Row("series", {"metric": "score"}),
    ],
    "partial_dependence": [
        Row("smooth", {"grid": 2}),
        Row("tokens", {"grid": [1, 2]}),
        Row("series", {"grid": 3}),
    ],
    "shapley_sampling": [
        *EVERYWHERE,
        Row("image", {"segments": 12, "samples": 20}),
        Row("smooth", {"budget": 40}),
    ],
    "simple_taylor": [*EVERYWHERE, Row("smooth", {"root": "mean"}), Row("image", {"root": "blur"})],
    "integrated_gradients": [
        Row("smooth", incomplete=1e-5),
        Row("tokens", incomplete=1e-5),
        Row("series", {"baseline": "mean"}, incomplete=1e-5),
        Row("image", {"tolerance": 1e-4, "baseline": "blur"}, incomplete=1e-3),
        Row("image", {"rule": "trapezoid", "steps": 400}, incomplete=2e-2),
        Row("smooth", {"rule": "riemann", "steps": 200, "baseline": 0.3}, incomplete=1e-3),
        Row("smooth", {"steps": 2000, "data": [[0.1, 0.2, 0.3, 0.4, 0.5], [1, 0, 1, 0, 1]]}, incomplete=1e-3),
    ],
    "smooth_grad": [
        *(Row(m, {"samples": 5}) for m in ("image", "smooth", "tokens", "series")),
        Row("image", {"samples": 3, "of": "integrated_gradients", "of_params": {"steps": 4}}),
        Row("smooth", {"samples": 4, "reduce": "variance", "of": "simple_taylor"}),
    ],
    "layer_conductance": [
        Row("smooth", {"layer": "hidden"}),
        Row("image", {"layer": "maps", "steps": 400}, incomplete=2e-2),
        Row("tokens", {"layer": "mean"}),
    ],
    "grad_cam": [Row("image"), Row("image", {"plus_plus": True}), Row("image", {"layer": "pooled"})],
    "deep_lift": [
        *EVERYWHERE,
        Row("image", {"baseline": "blur", "blur": 1.5}),
        Row("smooth", {"baseline": [1, 2, 3, 4, 5]}),
        Row("series", {"baseline": {"input": "mean"}}),
        Row("tokens", {"baseline": "mean"}),
    ],
    "guided_backprop": EVERYWHERE,
    "deconvnet": EVERYWHERE,
    "lrp": [Row("image"), Row("smooth")],
    "deep_taylor": [Row("image")],
    "excitation_backprop": [Row("image")],
    "activation_maximization": [
        Row("image", {"steps": 4, "start": "zeros", "expert": "gaussian", "labels": [0, 1]}),
        Row("smooth", {"steps": 4, "count": 2, "start": [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], "low": -1}),
    ],
    "feature_inversion": [
        Row("image", {"layer": "maps", "steps": 4}),
        Row("smooth", {"layer": "hidden", "steps": 4}),
    ],
    "top_activations": [
        Row("image", {"layer": "active", "top": 2, "units": [0, 1]}),
        Row("series", {"layer": "hidden", "axis": 2, "project": "lrp"}),
    ],
    "activations": [Row("image", {"layer": ["maps", "pooled"]}), Row("tokens", {"layer": "both"})],
    "attention": [Row("tokens", {"layer": ["a", "b"], "reduce": "max", "gradient": True})],
    "filters": [Row("image", {"layer": ["maps", "logits"]})],
    "embedding_map": [Row("smooth", {"method": "pca", "labels": ["a", "b"]})],
}
