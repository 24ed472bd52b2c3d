"""Small models whose answer anybody can check, one for each kind of data, with inputs for them: what the gallery explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.parser
from numpy.typing import NDArray
from onnx import numpy_helper
from scipy.ndimage import zoom
from skimage import data
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

Array = NDArray[Any]
MARKS = {
    "the": 0.0, "film": 0.1, "was": 0.0, "not": -1.2, "only": 0.2, "long": -0.6, ",": 0.0, "it": 0.0, "dull": -1.8,
    "but": 0.1, "music": 0.4, "is": 0.0, "wonderful": 2.4, "and": 0.1, "ending": 0.0, "made": 0.1, "me": 0.1, "smile": 1.5,
    ".": 0.0,
}  # fmt: skip
TEXT = ["the", "film", "was", "long", ",", "but", "the", "music", "is", "wonderful", ","]
TEXT += ["and", "the", "ending", "made", "me", "smile", "."]


def parsed(text: str, **weights: Array) -> onnx.ModelProto:
    """Return the model that a text in ONNX's own notation describes, with its weights."""
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> {text}')
    model.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in weights.items())
    return model


def orange() -> tuple[onnx.ModelProto, dict[str, Any], Array]:
    """Return a model that looks for orange (red, half as much green, no blue), and a photo of the public domain."""
    side = 96
    model = parsed(
        f"""orange (float[N, 3, {side}, {side}] image) => (float[N, 1] orange) {{
            seen = Conv (image, colour, bias)
            found = Relu (seen)
            orange = ReduceMean <keepdims = 0> (found, space)
        }}""",
        colour=np.array([2.0, -0.8, -2.0], "f4").reshape(1, 3, 1, 1),
        bias=np.array([-0.3], "f4"),
        space=np.array([2, 3]),
    )
    # the axes of space and the channel are averaged together
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1
    photo = data.astronaut()[:432, 40:472] / 255.0
    small = zoom(photo, (side / 432, side / 432, 1), order=1)
    card = {"inputs": {"image": {"kind": "image", "layout": "NCHW", "low": 0, "high": 1}}}
    return model, card, small.transpose(2, 0, 1)[None].astype("f4")


def review() -> tuple[onnx.ModelProto, dict[str, Any], Array]:
    """Return a model that adds up the marks of words, and a sentence."""
    words = list(MARKS)
    model = parsed(
        """review (int64[N, T] words) => (float[N, 1] praise) {
            found = Gather (marks, words)
            praise = ReduceSum <keepdims = 0> (found, axis)
        }""",
        marks=np.array([[m] for m in MARKS.values()], "f4"),
        axis=np.array([1]),
    )
    card = {"inputs": {"words": {"kind": "tokens", "categories": {"words": words}}}}
    return model, card, np.array([[words.index(w) for w in TEXT]])


def tumours() -> tuple[onnx.ModelProto, dict[str, Any], Array]:
    """Return a network that was trained on scikit-learn's tumours, and 200 of them."""
    table = load_breast_cancer()
    mean, deviation = table.data.mean(0), table.data.std(0)
    fitted = MLPClassifier((16,), alpha=1.0, max_iter=400, random_state=0)
    fitted.fit((table.data - mean) / deviation, table.target)
    first, second = (w.astype("f4") for w in fitted.coefs_)
    model = parsed(
        """tumours (float[N, 30] cells) => (float[N, 1] benign) {
            centred = Sub (cells, mean)
            scaled = Div (centred, deviation)
            hidden = Gemm (scaled, w, b)
            active = Relu (hidden)
            benign = Gemm (active, v, c)
        }""",
        mean=mean.astype("f4"), deviation=deviation.astype("f4"), w=first, v=second,
        b=fitted.intercepts_[0].astype("f4"), c=fitted.intercepts_[1].astype("f4"),
    )  # fmt: skip
    card = {"inputs": {"cells": {"kind": "tabular", "feature_names": list(table.feature_names)}}}
    return model, card, table.data[:200].astype("f4")


def beats() -> tuple[onnx.ModelProto, dict[str, Any], Array]:
    """Return a model that looks for a late beat in the first of two channels, and a made-up recording at 100 Hz."""
    time = np.arange(400) / 100
    rng = np.random.default_rng(0)

    def beat(at: float, height: float) -> Array:
        return np.asarray(height * np.exp(-0.5 * ((time - at) / 0.035) ** 2))

    first = sum(beat(at, 1.0) for at in (0.5, 1.3, 2.6, 3.4)) + 0.03 * rng.normal(size=400)
    second = 0.4 * np.sin(2 * np.pi * 1.2 * time) + 0.03 * rng.normal(size=400)
    weights = np.zeros((1, 400, 2), "f4")
    weights[0, 180:300, 0], weights[0, 60:160, 0] = 0.2, -0.08
    model = parsed(
        """beats (float[N, 400, 2] leads) => (float[N, 1] late) {
            seen = Mul (leads, weights)
            flat = Flatten (seen)
            late = ReduceSum (flat, axis)
        }""",
        weights=weights, axis=np.array([1]),
    )  # fmt: skip
    own = {"kind": "series", "layout": "NTC", "rate": 100.0, "feature_names": ["lead I", "lead II"]}
    return model, {"inputs": {"leads": own}}, np.stack([first, second], 1)[None].astype("f4")


def ball() -> tuple[onnx.ModelProto, dict[str, Any], Array]:
    """Return a model that counts what is bright in one half of a volume and dark in the other, and two balls."""
    z, y, x = np.indices((16, 24, 24))
    inside = [np.hypot(np.hypot(z - a, y - b), x - c) < r for a, b, c, r in ((7, 9, 7, 5), (9, 14, 17, 4))]
    volume = 0.15 + 0.8 * inside[0] + 0.5 * inside[1]
    weights = np.where(x < 12, 0.05, -0.05).astype("f4")[None, None]
    model = parsed(
        """ball (float[N, 1, 16, 24, 24] scan) => (float[N, 1] left) {
            seen = Mul (scan, weights)
            flat = Flatten (seen)
            left = ReduceSum (flat, axis)
        }""",
        weights=weights, axis=np.array([1]),
    )  # fmt: skip
    card = {"inputs": {"scan": {"kind": "volume", "layout": "NCDHW", "low": 0, "high": 1}}}
    return model, card, volume[None, None].astype("f4")


def petals() -> tuple[onnx.ModelProto, dict[str, Any], Array]:
    """Return a linear model that was fitted to scikit-learn's irises, and three of them."""
    table = load_iris()
    fitted = LogisticRegression(max_iter=500).fit(table.data, table.target)
    model = parsed(
        "petals (float[N, 4] flower) => (float[N, 3] kinds) { kinds = Gemm (flower, w, b) }",
        w=fitted.coef_.T.astype("f4"),
        b=fitted.intercept_.astype("f4"),
    )
    card = {"inputs": {"flower": {"kind": "tabular", "feature_names": list(table.feature_names)}}}
    return model, card, table.data[::50].astype("f4")


def notes() -> tuple[onnx.ModelProto, dict[str, Any], Array]:
    """Return a model that listens for one rising note in a field of pitch by time, and such a field."""
    pitch, time = np.indices((24, 60))
    rising = np.exp(-0.5 * ((pitch - 4 - time / 4) / 1.2) ** 2)
    falling = np.exp(-0.5 * ((pitch - 20 + time / 4) / 1.2) ** 2)
    model = parsed(
        """notes (float[N, 24, 60] sound) => (float[N, 1] rises) {
            seen = Mul (sound, weights)
            flat = Flatten (seen)
            rises = ReduceSum (flat, axis)
        }""",
        weights=(rising - 0.6 * falling)[None].astype("f4"), axis=np.array([1]),
    )  # fmt: skip
    return model, {}, (rising + falling)[None].astype("f4")


def reader() -> tuple[onnx.ModelProto, dict[str, Any], Array]:
    """Return a block of self-attention with two heads, untrained, over the sentence's words."""
    rng = np.random.default_rng(1)
    words, width, heads = list(MARKS), 16, 2
    names = ("wq", "wk", "wv")
    model = parsed(
        """reader (int64[N, T] words) => (float[N, 1] score) {
            x = Gather (embedding, words)
            q = MatMul (x, wq)
            k = MatMul (x, wk)
            v = MatMul (x, wv)
            qs = Reshape (q, apart)
            ks = Reshape (k, apart)
            vs = Reshape (v, apart)
            qh = Transpose <perm = [0, 2, 1, 3]> (qs)
            kh = Transpose <perm = [0, 2, 3, 1]> (ks)
            vh = Transpose <perm = [0, 2, 1, 3]> (vs)
            products = MatMul (qh, kh)
            looks = Softmax <axis = -1> (products)
            mixed = MatMul (looks, vh)
            score = ReduceSum <keepdims = 0> (mixed, rest)
        }""",
        embedding=rng.normal(size=(len(words), width)).astype("f4"),
        apart=np.array([0, 0, heads, width // heads]), rest=np.array([1, 2, 3]),
        **{n: (0.35 * rng.normal(size=(width, width))).astype("f4") for n in names},
    )  # fmt: skip
    model.graph.output[0].type.tensor_type.shape.ClearField("dim")
    model.graph.output[0].type.tensor_type.shape.dim.add().dim_param = "N"
    card = {"inputs": {"words": {"kind": "tokens", "categories": {"words": words}}}}
    return model, card, np.array([[words.index(w) for w in TEXT]])
