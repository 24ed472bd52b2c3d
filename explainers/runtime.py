"""The only module that imports onnxruntime."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# from release 1.29 on, building a session writes a device id below the home folder unless this is set before the import
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ.pop("ORT_LOAD_CONFIG_FROM_MODEL", None)

import numpy as np
import onnx
import onnxruntime as ort

from .errors import InvalidRequest, ResourceLimit, RuntimeFailure
from .graph.weights import WHOLE, in_parts
from .types import Array, Arrays

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
FOLDED_BYTES = 1 << 28
VERSION: str = ort.__version__


MANY = 20_000
"""Nodes above which the runtime reads a graph as it is: its passes take longer than what they save in a run."""


class Session:
    """A model in ONNX Runtime, ready to run; deterministic for one thread count on the CPU."""

    def __init__(
        self,
        model: bytes | onnx.ModelProto,
        provider: str = "cpu",
        threads: int = 0,
        *,
        spinning: bool = False,
        lanes: int = 1,
        whole: int = WHOLE,
    ) -> None:
        data, self._weights = (model, {}) if isinstance(model, bytes) else in_parts(model, whole)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False
        options.log_severity_level = 4
        options.add_session_config_entry("session.load_model_format", "ONNX")
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        # a model of 152 bytes can ask for petabytes in a constant: never fold more than this
        options.add_session_config_entry(
            "optimization.constant_folding_max_output_size_in_bytes", str(FOLDED_BYTES)
        )
        if isinstance(model, onnx.ModelProto) and len(model.graph.node) > MANY:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        if self._weights:
            values = [ort.OrtValue.ortvalue_from_numpy(a) for a in self._weights.values()]
            options.add_external_initializers(list(self._weights), values)
            # a second, rearranged copy of such weights would not pay
            options.add_session_config_entry("session.disable_prepacking", "1")
        try:
            made = [ort.InferenceSession(data, options, providers=_providers(provider)) for _ in range(lanes)]
        except Exception as e:  # onnxruntime's exceptions share no base class but Exception
            raise _translate(e) from e
        self._session = made[0]
        # runs side by side in one session wait for the lock of its memory, at worst until they run one after the other
        self._free = deque(made)
        self.provider: str = self._session.get_providers()[0]
        self.inputs = frozenset(i.name for i in self._session.get_inputs())
        self.outputs = [o.name for o in self._session.get_outputs()]

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None) -> Arrays:
        """Run the model on these inputs and return the named outputs, all of them by default."""
        names = list(outputs) if outputs is not None else self.outputs
        values = self._run(names, dict(feeds))
        return {n: v if isinstance(v, np.ndarray) else _plain(v) for n, v in zip(names, values, strict=True)}

    def output(self, name: str, feeds: Arrays) -> Array:
        """Run the model on these inputs and return one output."""
        (value,) = self._run([name], feeds)
        return value if isinstance(value, np.ndarray) else _plain(value)

    def _run(self, names: list[str], feeds: Arrays) -> list[Any]:
        """Run on a session that is free; where more threads ask than there are lanes, the others share one."""
        try:
            session, lane = self._free.pop(), True
        except IndexError:
            session, lane = self._session, False
        try:
            return list(session.run(names, feeds))
        except Exception as e:  # onnxruntime's exceptions share no base class but Exception
            raise _translate(e) from e
        finally:
            if lane:
                self._free.append(session)

    def bound(self, feeds: Arrays, results: Arrays) -> Callable[[], None]:
        """Bind buffers once and return what runs the model: it reads the feeds as they are then and fills the results.

        The arrays must be contiguous and of the graph's own types and shapes.
        """
        binding = self._session.io_binding()
        for name, a in results.items():
            binding.bind_ortvalue_output(name, ort.OrtValue.ortvalue_from_numpy(a))
        values = {name: ort.OrtValue.ortvalue_from_numpy(a) for name, a in feeds.items()}

        def bind() -> None:
            for name, value in values.items():
                binding.bind_ortvalue_input(name, value)

        # on a device a buffer is copied when it is bound
        again = self.provider != PROVIDERS["cpu"]
        bind()

        def run() -> None:
            if again:
                bind()
            try:
                self._session.run_with_iobinding(binding)
            except Exception as e:  # as above
                raise _translate(e) from e

        return run


def _plain(value: object) -> Array:
    """Return a ZipMap's list of maps as one row of values per item, in the order of the keys; other sequences as objects."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([[row[k] for k in sorted(row)] for row in value])
    out = np.empty(len(value) if isinstance(value, list) else 1, object)
    out[:] = value if isinstance(value, list) else [value]
    return out


def _providers(provider: str) -> list[str]:
    if provider not in PROVIDERS:
        raise InvalidRequest(
            f"no provider is called {provider!r}; there are: {', '.join(PROVIDERS)}", pointer="/provider"
        )
    name = PROVIDERS[provider]
    if name not in ort.get_available_providers():
        raise RuntimeFailure(
            f"this installation has no {name}; install onnxplain[gpu] on a machine with a GPU, or use cpu"
        )
    return [name] if provider == "cpu" else [name, PROVIDERS["cpu"]]


def _translate(e: Exception) -> Exception:
    text = str(e)
    if any(
        sign in text for sign in ("Failed to allocate", "bad_alloc", "out of memory", "BFCArena", "exceeds")
    ):
        return ResourceLimit(
            "the runtime ran out of memory on this model; use smaller batches or a larger memory limit"
        )
    if isinstance(e, MemoryError):
        return ResourceLimit("the process ran out of memory on this model")
    # the runtime's message may name source files of its own build: keep the sentence that speaks of the model
    said = text.rsplit(" : ", maxsplit=1)[-1].strip() or text
    return RuntimeFailure(f"ONNX Runtime could not run the model: {said[:400]}")


def available() -> list[str]:
    """Return the names of the providers this installation has."""
    there = ort.get_available_providers()
    return [name for name, full in PROVIDERS.items() if full in there]
