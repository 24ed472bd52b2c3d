"""onnxplain's engine: explanations of ONNX models, compiled into ONNX graphs; names are imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import methods

if TYPE_CHECKING:
    from .jobs import compile, explain
    from .model import load

__version__ = "0.1.0"
__all__ = ["compile", "explain", "load", "methods"]

_HOMES = {"load": ".model", "explain": ".jobs", "compile": ".jobs"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'explainers' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
