"""Quantised operators in their dequantised form, beside which the deployed operator keeps giving the values.

Each is written as DequantizeLinear, the float operator, QuantizeLinear: there derivatives and relevance are taken. The
deployed node stays, and a Where with a constant condition joins the two; when the explanation is finished, `deploy`
lets the deployed value be read in its place, so that every forward value is exactly the deployed model's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from ..build import Builder, dimensions
from ..table import attributes
from .contrib import MS
from .expand import KEPT as DEPLOYED
from .expand import Expansion, expansion, look_like
from .shapes import JOINT


def quantised(operator: str) -> Callable[[Expansion], Expansion]:
    """Register the dequantised form of an operator; its own node is kept for the values."""

    def register(form: Expansion) -> Expansion:
        name = operator.removeprefix(MS)
        domain = "com.microsoft" if operator.startswith(MS) else ""

        def write(op: Builder, *inputs: Any, **options: Any) -> Any:
            surrogate = form(op, *inputs, **options)
            if surrogate is None:
                return None
            kept = op.node(name, inputs, options, domain=domain)
            kept.producer().metadata_props[DEPLOYED] = "1"
            kept.dtype = surrogate.dtype
            return join(op, surrogate, kept)

        expansion(operator)(write)
        return form

    return register


def join(op: Any, surrogate: Any, deployed: Any) -> Any:
    """Return a tensor whose derivative is the surrogate's and whose value `deploy` makes the deployed one."""
    y = op.Where(np.array(True), surrogate, deployed)
    y.producer().metadata_props[JOINT] = "1"
    return y


def deploy(graph: ir.Graph) -> None:
    """Let the deployed values be read wherever a dequantised form stands for them."""
    for node in [n for n in graph if JOINT in n.metadata_props]:
        old, deployed = node.outputs[0], node.inputs[2]
        identity = ir.node("Identity", [deployed], name=f"{node.name}/deployed")
        graph.insert_after(node, identity)
        new = identity.outputs[0]
        look_like(new, old)
        name = old.name
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        graph.remove(node, safe=True)
        old.name, new.name = None, name


# ---- numbers to steps and back -------------------------------------------------------------------------------------


def _real(op: Any, q: Any, scale: Any, zero: Any, axis: int = 0) -> Any:
    scale, zero = _single(op, scale), _single(op, zero)
    y = op.DequantizeLinear(q, scale, *([] if zero is None else [zero]), axis=axis)
    y.shape = q.shape
    return y


def _steps(op: Any, x: Any, scale: Any, zero: Any, like: Any) -> Any:
    """Quantise; without a zero point the type is that of `like`."""
    zero = op.constant(np.zeros((), like.dtype.numpy())) if zero is None else _single(op, zero)
    y = op.QuantizeLinear(x, _single(op, scale), zero)
    y.dtype = zero.dtype
    return y


def _single(op: Any, v: Any) -> Any:
    """Return a scale or zero point of one value as a scalar."""
    if v is None or dimensions(v) != [1]:
        return v
    return (
        op.constant(v.const_value.numpy().reshape(()))
        if v.const_value is not None
        else op.Reshape(v, np.zeros(0, np.int64))
    )


# ---- the standard's ------------------------------------------------------------------------------------------------


@quantised("QLinearConv")
def q_linear_conv(
    op: Any, x: Any, xs: Any, xz: Any, w: Any, ws: Any, wz: Any, ys: Any, yz: Any, b: Any = None, **conv: Any
) -> Any:
    """Conv between a dequantiser and a quantiser; the bias counts steps of input scale times kernel scale."""
    weights = _real(op, w, ws, wz)
    bias = [] if b is None else [op.Mul(op.CastLike(b, xs), op.Mul(xs, ws))]
    return _steps(op, op.Conv(_real(op, x, xs, xz), weights, *bias, **conv), ys, yz, x)


@quantised("QLinearMatMul")
def q_linear_mat_mul(op: Any, a: Any, as_: Any, az: Any, b: Any, bs: Any, bz: Any, ys: Any, yz: Any) -> Any:
    """MatMul between dequantisers and a quantiser; scales per row of a and per column of b."""
    return _steps(op, op.MatMul(_real(op, a, as_, az, -2), _real(op, b, bs, bz, -1)), ys, yz, a)


def join_integer_products(model: ir.Model) -> bool:
    """Give each ConvInteger and MatMulInteger whose result is cast to float its product in floats; say whether any was."""
    graph, op, done = model.graph, Builder(model.graph), False
    for node in [
        n for n in graph if n.op_type in ("ConvInteger", "MatMulInteger") and DEPLOYED not in n.metadata_props
    ]:
        casts = [
            n for n in node.outputs[0].consumers() if n.op_type == "Cast" and JOINT not in n.metadata_props
        ]
        if not casts or len(casts) != len(node.outputs[0].uses()):
            continue
        op.prefix = node.name or node.op_type
        surrogate = _integer_product(op, node)
        node.metadata_props[DEPLOYED] = "1"
        for cast in casts:
            _join_cast(op, cast, surrogate)
        done = True
    if done:
        graph.sort()
    return done


def _integer_product(op: Any, node: ir.Node) -> Any:
    a, b, az, bz = [*node.inputs, *[None] * 4][:4]
    one = np.array(1, np.float32)
    left, right = (
        _centred(op, a, az, one, -2),
        _centred(op, b, bz, one, 0 if node.op_type == "ConvInteger" else -1),
    )
    return (
        op.Conv(left, right, **attributes(node)) if node.op_type == "ConvInteger" else op.MatMul(left, right)
    )


def _centred(op: Any, q: Any, zero: Any, one: Any, axis: int) -> Any:
    zero = _single(op, zero)
    dims = dimensions(zero) if zero is not None else []
    scale = op.constant(one) if not dims else op.Expand(one, op.Shape(zero))
    return op.DequantizeLinear(q, scale, *([] if zero is None else [zero]), axis=axis)


def _join_cast(op: Any, cast: ir.Node, surrogate: ir.Value) -> None:
    old = cast.outputs[0]
    cast.metadata_props[DEPLOYED] = "1"
    own = surrogate if surrogate.dtype == old.dtype else op.Cast(surrogate, to=int(old.dtype or 1))
    joint = join(op, own, old)
    joint.shape = old.shape
    name = old.name
    ir.convenience.replace_all_uses_with(old, joint, replace_graph_outputs=True)
    joint.producer().replace_input_with(2, old)
    old.name, joint.name = f"{name}/deployed", name


# ---- the runtime's -------------------------------------------------------------------------------------------------


def _binary(operator: str) -> Expansion:
    return lambda op, a, as_, az, b, bs, bz, ys, yz=None: _steps(
        op, getattr(op, operator)(_real(op, a, as_, az), _real(op, b, bs, bz)), ys, yz, a
    )


def _unary(form: Expansion) -> Expansion:
    return lambda op, x, xs, xz, ys, yz=None, **options: _steps(
        op, form(op, _real(op, x, xs, xz), **options), ys, yz, x
    )


quantised(MS + "QLinearAdd")(_binary("Add"))
quantised(MS + "QLinearMul")(_binary("Mul"))
quantised(MS + "QLinearSigmoid")(_unary(lambda op, x: op.Sigmoid(x)))
quantised(MS + "QLinearLeakyRelu")(_unary(lambda op, x, alpha=0.01: op.LeakyRelu(x, alpha=alpha)))
quantised(MS + "QLinearSoftmax")(
    _unary(lambda op, x, axis=-1, opset=13: op.Softmax(x, axis=axis) if opset >= 13 else None)
)


def _channels_first(op: Any, x: Any, pool: Any) -> Any:
    rank = len(dimensions(x) or [])
    y = pool(op.Transpose(x, perm=[0, rank - 1, *range(1, rank - 1)]))
    return op.Transpose(y, perm=[0, *range(2, rank), 1])


def _pooled(operator: str) -> Expansion:
    def form(op: Any, x: Any, *, channels_last: int = 0, **pool: Any) -> Any:
        def run(v: Any) -> Any:
            return getattr(op, operator)(v, **pool)

        return _channels_first(op, x, run) if channels_last else run(x)

    return _unary(form)


quantised(MS + "QLinearAveragePool")(_pooled("AveragePool"))
quantised(MS + "QLinearGlobalAveragePool")(_pooled("GlobalAveragePool"))


@quantised(MS + "QLinearConcat")
def q_linear_concat(op: Any, ys: Any, yz: Any, *parts: Any, axis: int) -> Any:
    """Each part is dequantised with its own scale."""
    triples: Sequence[Any] = [parts[i : i + 3] for i in range(0, len(parts), 3)]
    return _steps(op, op.Concat(*(_real(op, *t) for t in triples), axis=axis), ys, yz, parts[0])


@quantised(MS + "QGemm")
def q_gemm(
    op: Any,
    a: Any,
    as_: Any,
    az: Any,
    b: Any,
    bs: Any,
    bz: Any,
    c: Any = None,
    ys: Any = None,
    yz: Any = None,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Any:
    """Gemm between dequantisers and, where there is an output scale, a quantiser."""
    bias = [] if c is None else [op.Mul(op.CastLike(c, as_), op.Mul(op.Mul(as_, bs), alpha))]
    y = op.Gemm(
        _real(op, a, as_, az),
        _real(op, b, bs, bz, 0 if transB else 1),
        *bias,
        alpha=alpha,
        transA=transA,
        transB=transB,
    )
    return y if ys is None else _steps(op, y, ys, yz, a)


@quantised(MS + "MatMulIntegerToFloat")
def mat_mul_integer_to_float(
    op: Any, a: Any, b: Any, as_: Any, bs: Any, az: Any = None, bz: Any = None, bias: Any = None
) -> Any:
    """MatMul of dequantised matrices, plus a bias."""
    y = op.MatMul(_real(op, a, as_, az, -2), _real(op, b, bs, bz, -1))
    return y if bias is None else op.Add(y, bias)


@quantised(MS + "DynamicQuantizeMatMul")
def dynamic_quantize_mat_mul(op: Any, a: Any, b: Any, bs: Any, bz: Any = None, bias: Any = None) -> Any:
    """MatMul with a dequantised matrix; that a is rounded to steps found from its own range has no derivative."""
    y = op.MatMul(a, _real(op, b, bs, bz, -1))
    return y if bias is None else op.Add(y, bias)


expansion(MS + "DequantizeLinear")(lambda op, x, scale, zero=None, *, axis=1: _real(op, x, scale, zero, axis))


@expansion(MS + "QuantizeLinear")
def quantize_linear(op: Any, x: Any, scale: Any, zero: Any = None, *, axis: int = 1) -> Any:
    """The standard's own."""
    y = op.QuantizeLinear(x, _single(op, scale), *([] if zero is None else [_single(op, zero)]), axis=axis)
    y.dtype = ir.DataType.UINT8 if zero is None else zero.dtype
    return y
