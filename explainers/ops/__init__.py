"""How a cotangent passes back through each operator, by family; importing the package fills `VJPS`."""

from __future__ import annotations

import importlib
import pkgutil

from ..graph.table import VJPS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["VJPS"]
