"""Points of many dimensions laid out in two, by scikit-learn."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidRequest
from ..signature import class_count
from ..types import Array

if TYPE_CHECKING:
    from ..methods.embedding_map import EmbeddingMapParams
    from ..run import Run

ENOUGH = 50
"""Principal components that t-SNE starts from, as its authors did."""


def labels_of(run: Run, given: list[Any] | None) -> Array:
    """Return each item's label: as given, else the class of its greatest output, or -1 where the outputs are no classes."""
    if given is None:
        answers = run.evaluate(run.inputs)
        classes = class_count([None, *answers.shape[1:]])
        several = isinstance(classes, int) and classes > 1
        return answers.reshape(run.items, -1).argmax(1) if several else np.full(run.items, -1)
    labels = np.array(given)
    return labels if labels.dtype.kind in "iu" else labels.astype(str)


def mapped(run: Run, values: Array, params: EmbeddingMapParams) -> Array:
    """Return the points (N, 2) of values (N, D); what the map keeps of them is told in the account."""
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise InvalidRequest("the layer holds NaN or an infinity for some item", pointer="/params/layer")
    fewest = 2 if params.method == "pca" else 4
    if len(values) < fewest:
        raise InvalidRequest(
            f"{params.method} needs {fewest} items or more and was given {len(values)}", pointer="/inputs"
        )
    return _components(run, values) if params.method == "pca" else _neighbours(run, values, params)


def _components(run: Run, values: Array) -> Array:
    found, shares = _principal(values, 2, run.request.seed)
    run.facts["explained_variance_ratio"] = [float(v) for v in shares]
    wide = np.zeros((len(values), 2), np.float32)
    wide[:, : found.shape[1]] = found
    return wide


def _principal(values: Array, count: int, seed: int) -> tuple[Array, Array]:
    from sklearn.decomposition import PCA

    most = min(count, *values.shape)
    solver = PCA(
        most, svd_solver="full" if min(values.shape) <= 512 else "randomized", random_state=seed % 2**32
    )
    points = solver.fit_transform(values)
    spread = values.var(0).sum()
    return points, solver.explained_variance_ratio_ if spread > 0 else np.zeros(most)


@cache
def threads() -> Any:
    """Return the control over the threads of the libraries that make maps; it opens files when it is first asked for."""
    import sklearn.manifold
    from threadpoolctl import ThreadpoolController

    assert sklearn.manifold
    return ThreadpoolController()


def _neighbours(run: Run, values: Array, params: EmbeddingMapParams) -> Array:
    from sklearn.manifold import TSNE

    if params.perplexity >= len(values):
        raise InvalidRequest(
            f"a perplexity of {params.perplexity:g} needs more than {len(values)} items; take a smaller one",
            pointer="/params/perplexity",
        )
    # sums over threads have no fixed order, and t-SNE makes another map of another last bit
    with threads().limit(limits=1):
        if values.shape[1] > ENOUGH:
            values, shares = _principal(values, ENOUGH, run.request.seed)
            run.facts["explained_variance_ratio"] = float(shares.sum())
        start = "pca" if min(values.shape) > 1 and values.var(0).sum() > 0 else "random"
        solver = TSNE(
            2, perplexity=params.perplexity, init=start, random_state=run.request.seed % 2**32, n_jobs=1
        )
        found: Array = solver.fit_transform(values).astype(np.float32)
    run.facts["kl_divergence"] = float(solver.kl_divergence_)
    return found
