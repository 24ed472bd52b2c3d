"""The command `onnxplain`: explanations in this process, and the same against a server."""

from __future__ import annotations

from .group import main

__all__ = ["main"]
