"""A Gaussian, or a mixture of some: fitted by scikit-learn, written as ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import onnx

from ..types import Array
from .density import OUTPUT, density_model, node


def fit_mixture(data: Array, components: int, floor: float, seed: int) -> onnx.ModelProto:
    """Fit a mixture of Gaussians with full covariances by expectation maximisation to items, item axis first.

    `floor` is the least standard deviation in any direction, in the data's units.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    flat = data.reshape(len(data), -1).astype(np.float64)
    model = GaussianMixture(components, reg_covar=floor**2, random_state=seed % (1 << 32), max_iter=200)
    with warnings.catch_warnings():
        # what EM has reached after that many rounds is a density all the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(flat)
    return mixture_model(data.shape[1:], model.weights_, model.means_, model.precisions_cholesky_)


def mixture_model(shape: Sequence[int], shares: Array, means: Array, roots: Array) -> onnx.ModelProto:
    """Return log Σ_k share_k N(x; mean_k, (R_k R_kᵀ)⁻¹) as ONNX; `roots` are the R_k, (components, d, d)."""
    components, d = means.shape
    logs = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1)
    constant = np.log(shares) + logs - d / 2 * np.log(2 * np.pi)
    weights = {
        "roots": roots.transpose(1, 0, 2).reshape(d, components * d),
        "places": -np.einsum("kd,kde->ke", means, roots).reshape(-1),
        "apart": np.array([0, components, d]),
        "last": np.array([2]),
        "classes": np.array([1]),
        "half": np.array(-0.5),
        "constant": constant,
    }
    nodes = [
        node("Gemm", ["flat", "roots", "places"], "white"),
        node("Reshape", ["white", "apart"], "each"),
        node("ReduceSumSquare", ["each", "last"], "distance", keepdims=0),
        node("Mul", ["distance", "half"], "exponent"),
        node("Add", ["exponent", "constant"], "joint"),
        node("ReduceLogSumExp", ["joint", "classes"], OUTPUT, keepdims=0),
    ]
    return density_model(shape, nodes, weights)
