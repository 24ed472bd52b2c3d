"""One file per explanation method; the package itself is callable and returns the catalogue."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Catalogue(ModuleType):
    def __call__(self) -> dict[str, dict[str, Any]]:
        """Return every method's name with its summary, paper, family and the JSON Schema of its parameters."""
        from ..registry import methods

        return {name: m.describe() for name, m in methods().items()}


sys.modules[__name__].__class__ = _Catalogue
