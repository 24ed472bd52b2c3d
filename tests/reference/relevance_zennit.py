"""Zennit as an oracle: its composites on PyTorch models, starting as this project does."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import torch
from torch import nn


def import_zennit() -> Any:
    """Import Zennit's modules; the import of a torchvision built for another torch must not fail on unknown operators."""
    register = getattr(torch.library, "register_fake", None)
    torch.library.register_fake = lambda *a, **k: lambda f: f
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import zennit.canonizers
            import zennit.composites
            import zennit.layer
            import zennit.types
    finally:
        torch.library.register_fake = register
    return zennit


def summing() -> nn.Module:
    """Return Zennit's addition: a module that sums the last axis."""
    made: nn.Module = import_zennit().layer.Sum()
    return made


def attribute(model: nn.Module, composite: str, x: np.ndarray, **numbers: Any) -> np.ndarray:
    """Return Zennit's attribution of the greatest output, starting at its value."""
    z = import_zennit()
    canonizers = [z.canonizers.SequentialMergeBatchNorm()]
    made = getattr(z.composites, composite)(canonizers=canonizers, **numbers)
    model = copy.deepcopy(model)
    data = torch.from_numpy(x).requires_grad_()
    with warnings.catch_warnings(), made.context(model) as hooked:
        warnings.simplefilter("ignore")
        for norm in (m for m in hooked.modules() if isinstance(m, nn.BatchNorm2d)):
            # merged into the convolution before it, a norm still divides by sqrt(1 + eps)
            norm.eps = 0.0
        y = hooked(data)
        start = torch.zeros_like(y)
        rows = torch.arange(len(y))
        start[rows, y.argmax(1)] = y[rows, y.argmax(1)].detach()
        (found,) = torch.autograd.grad(y, data, start)
    return found.detach().numpy()
