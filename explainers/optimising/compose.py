"""Graphs put together: a decoder before a model, a density beside it, as one ONNX model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import compose

from ..errors import InvalidRequest
from ..graph.passes.apart import set_apart
from ..graph.passes.opset import inline_functions, to_opset
from ..types import TensorSpec

GENERATOR, EXPERT = "generator/", "expert/"


@dataclass(frozen=True)
class Whole:
    """A model with what was put to it, and the names by which its parts are found."""

    proto: onnx.ModelProto
    code: str | None = None
    """The decoder's input, which stands for the model's."""
    decoded: str | None = None
    """The decoder's output."""
    log_p: str | None = None
    """The density's output."""


def put_together(
    model: onnx.ModelProto,
    into: TensorSpec,
    generator: tuple[onnx.ModelProto, str, str] | None,
    expert: tuple[onnx.ModelProto, str, str] | None,
) -> Whole:
    """Feed `into` from a decoder and a density from the same tensor; each comes with the names of its input and output."""
    protos = [model, *(part[0] for part in (generator, expert) if part is not None)]
    ready = iter([to_opset(set_apart(inline_functions(p))) for p in protos])
    out = onnx.ModelProto()
    out.CopyFrom(next(ready))
    del out.graph.value_info[:]
    code = decoded = log_p = None
    if generator is not None:
        code, decoded = GENERATOR + generator[1], GENERATOR + generator[2]
        part = _named(next(ready), GENERATOR)
        _take_in(out, part, before=True)
        _replace_input(out, into.name, next(i for i in part.graph.input if i.name == code))
        out.graph.node.insert(len(part.graph.node), _same(decoded, into.name))
    if expert is not None:
        log_p = EXPERT + expert[2]
        part = _named(next(ready), EXPERT)
        _take_in(out, part, before=False)
        first = len(out.graph.node) - len(part.graph.node)
        out.graph.node.insert(first, _same(into.name, EXPERT + expert[1]))
        out.graph.output.extend(o for o in part.graph.output if o.name == log_p)
    return Whole(out, code, decoded, log_p)


def _named(proto: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    out: onnx.ModelProto = compose.add_prefix(proto, prefix)
    return out


def _same(source: str, name: str) -> onnx.NodeProto:
    return onnx.helper.make_node("Identity", [source], [name], f"{name}/put")


def _take_in(whole: onnx.ModelProto, part: onnx.ModelProto, *, before: bool) -> None:
    """Add a graph's nodes and weights, and the operator sets that they need."""
    nodes = list(whole.graph.node)
    del whole.graph.node[:]
    whole.graph.node.extend([*part.graph.node, *nodes] if before else [*nodes, *part.graph.node])
    whole.graph.initializer.extend(part.graph.initializer)
    whole.ir_version = max(whole.ir_version, part.ir_version)
    there = {o.domain: o for o in whole.opset_import}
    for o in part.opset_import:
        if o.domain not in there:
            whole.opset_import.append(o)
        else:
            there[o.domain].version = max(there[o.domain].version, o.version)


def _replace_input(proto: onnx.ModelProto, name: str, by: onnx.ValueInfoProto) -> None:
    kept = [by if i.name == name else i for i in proto.graph.input]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)


def fitting(
    of: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], into: Sequence[TensorSpec]
) -> tuple[TensorSpec, TensorSpec]:
    """Return the decoder's output and the model's input that fit each other, or refuse with all that there is."""
    if len(inputs) == 1:
        for x in into:
            for y in outputs:
                if y.dtype == x.dtype and alike(y, x):
                    return y, x
    raise InvalidRequest(
        f"the generator {of!r} does not fit the model: it turns {_listed(inputs)} into {_listed(outputs)}, and the model "
        f"takes {_listed(into)}; give a decoder with one input and an output of such a type and shape",
        pointer="/params/generator",
    )


def alike(a: TensorSpec, b: TensorSpec) -> bool:
    """Say whether items of two tensors can have one shape."""
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        return a.shape is None or b.shape is None
    behind = zip(a.shape[1:], b.shape[1:], strict=True)
    return all(p == q or not (isinstance(p, int) and isinstance(q, int)) for p, q in behind)


def _listed(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{s.name} {s.dtype}{['N', *(s.shape or ['?'])[1:]]}".replace("'", "") for s in specs)


def density_ends(
    of: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], x: TensorSpec
) -> tuple[str, str]:
    """Return the names of a density's input and output, or refuse one that does not take the model's input to one number."""
    given = [i for i in inputs if i.dtype == x.dtype and alike(i, x)]
    logs = [o for o in outputs if o.shape is not None and list(o.shape[1:]) in ([], [1])]
    if len(inputs) != 1 or not given or not logs:
        raise InvalidRequest(
            f"the expert {of!r} does not fit the model: it turns {_listed(inputs)} into {_listed(outputs)}; a density takes "
            f"{_listed([x])} to one number per item, log p(x), of shape (N,) or (N, 1)",
            pointer="/params/expert",
        )
    return given[0].name, logs[0].name
