"""DeepLIFT's rescale rule as a table: what passes a multiplier m, with sum(m dx) = dy, back through each operator."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import onnx_ir as ir

from ..errors import OperatorsWithoutDerivative
from ..registry import methods
from ..types import Blocker
from .build import Builder
from .paths import Path, is_float, node_inputs, node_name
from .reference import Reference
from .table import VJPS, Backward, key

EPS = 1e-6
"""Where an input differs by a smaller share of itself, the gradient stands for the quotient of differences."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LINEAR = _words(
    """
    Add AveragePool BatchNormalization Cast CastLike CenterCropPad Col2Im Compress Concat CumSum DFT
    DepthToSpace DequantizeLinear Dropout Expand Flatten Gather GatherElements GatherND
    GlobalAveragePool Identity Mean Neg Pad ReduceMean ReduceSum Reshape Resize ReverseSequence STFT
    ScatterElements ScatterND Slice SpaceToDepth Split Squeeze Sub Sum Tile Transpose Trilu Unsqueeze
    Where
    """
)
"""Linear in all inputs that carry a signal: the derivative itself."""
PRODUCTS = _words(
    """
    Conv ConvTranspose Einsum Gemm MatMul Mul
    """
)
"""Linear in each of two inputs: d(ab) = mean(a) db + mean(b) da."""
ELEMENTWISE = _words(
    """
    Abs Acos Acosh Asin Asinh Atan Atanh Celu Clip Cos Cosh Elu Erf Exp Gelu HardSigmoid HardSwish
    LeakyRelu Log Max Min Mish PRelu Pow QuantizeLinear Reciprocal Relu Selu Shrink Sigmoid Sin Sinh
    Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu
    """
)
"""Functions of one changing input, value by value: dy / dx."""
WINNERS = frozenset({"MaxPool", "GlobalMaxPool"})
WITH_DERIVATIVES = frozenset(
    {"gradient", "input_x_gradient", "integrated_gradients", "sensitivity", "smooth_grad"}
)
"""What a derivative, which the path has, is enough for."""


@dataclass(frozen=True)
class Differences:
    """Builds the rules over a graph and its second pass at the baseline."""

    op: Builder
    ref: Reference
    active: Collection[ir.Value]

    def delta(self, x: ir.Value) -> Any:
        """Return how far a tensor is from its baseline."""
        if x not in self.ref:
            return self.op.zeros_like(x)
        pair = (x, self.ref[x])
        if not is_float(x):
            # what is quantised is counted in its steps
            pair = tuple(self.op.Cast(v, to=int(ir.DataType.FLOAT)) for v in pair)
        return self.op.Sub(*pair)

    def quotient(self, dy: Any, x: ir.Value, otherwise: Any) -> Any:
        """Return dy / dx, or the other value where x hardly changes."""
        op, dx = self.op, self.delta(x)
        small = op.LessOrEqual(op.Abs(dx), op.Mul(op.Max(op.Abs(x), op.Abs(self.ref[x])), EPS))
        return op.Where(small, otherwise, op.Div(dy, op.Where(small, 1.0, dx)))

    def mean(self, x: ir.Value | None) -> Any:
        """Return the mean of a tensor and its baseline."""
        if x is None or x not in self.ref or not is_float(x):
            return x
        mean = self.op.Mul(self.op.Add(x, self.ref[x]), 0.5)
        mean.shape = x.shape
        return mean

    def rule_of(self, node: ir.Node) -> Backward:
        """Return the rule for a node that `blockers` let pass."""
        plain, kind = VJPS[key(node)], kind_of(node)
        if kind == "linear":
            return plain
        made: dict[str, Callable[[ir.Node, Backward], Callable[..., Any]]] = {
            "product": self._product, "rescale": self._rescale, "quotient": self._quotient, "winner": self._winner,
            "softmax": self._softmax, "normalisation": self._normalisation,
        }  # fmt: skip
        rule, whole = made[kind](node, plain), kind in ("product", "rescale", "winner")
        return replace(plain, rule=rule, outputs=plain.outputs if whole else "first")

    def _product(self, node: ir.Node, plain: Backward) -> Callable[..., Any]:
        del node

        def rule(op: Any, g: Any, y: Any, *xs: Any, **attributes: Any) -> Any:
            return plain.rule(op, g, y, *(self.mean(x) for x in xs), **attributes)

        return rule

    def _rescale(self, node: ir.Node, plain: Backward) -> Callable[..., Any]:
        (i,) = self._changing(node)

        def rule(op: Any, g: Any, y: Any, *xs: Any, **attributes: Any) -> Any:
            slopes = plain.rule(op, g, y, *xs, **attributes)
            slope = slopes[i] if isinstance(slopes, tuple | list) else slopes
            tangent = slope() if callable(slope) else slope
            passed = self.quotient(op.Mul(g, self.delta(y)), xs[i], tangent)
            return [passed if k == i else None for k in range(len(xs))]

        return rule

    def _changing(self, node: ir.Node) -> list[int]:
        return [i for i, v in enumerate(node.inputs) if v is not None and v in self.active]

    def _quotient(self, node: ir.Node, plain: Backward) -> Callable[..., Any]:
        del node, plain

        def rule(op: Any, g: Any, _y: Any, a: Any, b: Any) -> Any:
            """d(a/b) = mean(1/b) da - mean(a) db / (b b')."""
            there = self.ref.get(b, b)
            inverse = op.Mul(op.Add(op.Reciprocal(b), op.Reciprocal(there)), 0.5)
            slope = op.Neg(op.Div(self.mean(a), op.Mul(b, there)))
            return (lambda: op.Mul(g, inverse)), (lambda: op.Mul(g, slope))

        return rule

    def _winner(self, node: ir.Node, plain: Backward) -> Callable[..., Any]:
        """The winner at the item is credited where the maximum rises, the winner at the baseline where it falls."""

        def rule(op: Any, g: Any, y: Any, x: Any, **attributes: Any) -> Any:
            whole = plain.outputs == "all"
            first, slope = node.outputs[0], g[0] if whole else g
            there = tuple(self.ref[v] for v in node.outputs) if whole else self.ref[first]
            moved, zero = op.Mul(slope, self.delta(first)), op.Mul(slope, 0.0)
            rises = op.GreaterOrEqual(first, self.ref[first])

            def back(arriving: Any, at: Any, source: Any) -> Any:
                return plain.rule(op, (arriving,) if whole else arriving, at, source, **attributes)

            credit = op.Add(
                back(op.Where(rises, moved, zero), y, x),
                back(op.Where(rises, zero, moved), there, self.ref[x]),
            )
            return self.quotient(credit, x, back(slope, y, x))

        return rule

    def _softmax(self, node: ir.Node, plain: Backward) -> Callable[..., Any]:
        from .deep_lift_rows import softmax_rule

        del plain
        return softmax_rule(self, log=node.op_type == "LogSoftmax")

    def _normalisation(self, node: ir.Node, plain: Backward) -> Callable[..., Any]:
        from .deep_lift_rows import normalisation_rule

        del plain
        return normalisation_rule(self, centred=node.op_type == "LayerNormalization")


def kind_of(node: ir.Node) -> str:
    """Return how multipliers pass a node, empty where they cannot."""
    name = key(node)
    kinds = {"Div": "quotient", "Softmax": "softmax", "LogSoftmax": "softmax",
             "LayerNormalization": "normalisation", "RMSNormalization": "normalisation"}  # fmt: skip
    for kind, names in (
        ("linear", LINEAR),
        ("product", PRODUCTS),
        ("rescale", ELEMENTWISE),
        ("winner", WINNERS),
    ):
        if name in names:
            return kind
    return kinds.get(name, "")


def refuse_uncovered(path: Path, ref: Reference) -> None:
    """Refuse a path with nodes that DeepLIFT's rules do not cover, naming each with the reason."""
    found = [(n, _fault(n, path.active, ref)) for n in path.nodes]
    blockers = [Blocker(node=node_name(n), operator=key(n), reason=reason) for n, reason in found if reason]
    if blockers:
        names = "; ".join(f"{b.node} ({b.operator}): {b.reason}" for b in blockers)
        would = [m.name for m in methods().values() if m.needs == "run" or m.name in WITH_DERIVATIVES]
        raise OperatorsWithoutDerivative(
            f"deep_lift cannot pass {names}. Methods that would work: {', '.join(would)}",
            pointer="/method",
            nodes=[b.model_dump() for b in blockers],
            methods=would,
        )


def _fault(node: ir.Node, active: Collection[ir.Value], ref: Reference) -> str:
    kind, changing = kind_of(node), [v for v in node_inputs(node) if v in active]
    if not kind:
        return "DeepLIFT has no rule for this function of several values"
    if any(v in ref and v not in active for v in node_inputs(node)):
        return "decides by a condition that differs between input and baseline"
    several = len(changing) > 1
    if kind == "rescale" and several:
        return "a non-linear function of several inputs that change, for which DeepLIFT has no rule"
    if kind == "normalisation" and several:
        return "its scale changes with the input, for which DeepLIFT has no rule"
    if node.op_type.startswith("Scatter") and _attribute(node, "reduction", "none") not in ("none", "add"):
        return "DeepLIFT has no rule for this way of joining values"
    if kind == "product" and key(node) == "Einsum" and len(changing) > 2:
        return "a product of more than two factors that change"
    if (
        kind == "linear"
        and several
        and key(node) in ("BatchNormalization", "Gather", "GatherElements", "GatherND")
    ):
        return "its scale changes with the input, for which DeepLIFT has no rule"
    return ""


def _attribute(node: ir.Node, name: str, default: str) -> str:
    return node.attributes[name].as_string() if name in node.attributes else default
