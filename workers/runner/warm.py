"""Loads, before the cage is closed, all that is loaded when it is first needed: afterwards no file can be opened."""

from __future__ import annotations

import codecs
import importlib
import io
import json
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

ENGINE_ALONE = (
    "explainers.cli",
    "explainers.client",
    "explainers.testing",
    "explainers.render",
    "explainers.methods",
)
LATER = (
    "onnx.reference", "onnx.inliner", "onnx.compose", "onnx.shape_inference", "onnx.version_converter", "onnx.parser",
    "onnx_ir.passes.common", "onnx.reference.ops._op_list", "onnx.reference.ops.aionnxml._op_list",
    "onnx.reference.ops.experimental._op_list", "onnx.reference.ops.aionnx_preview_training._op_list",
    "numpy.random", "numpy.linalg", "numpy.ma", "numpy.rec", "traceback", "linecache",
    "difflib", "zipfile", "bz2", "lzma", "concurrent.futures.thread", "unicodedata", "stringprep",
)  # fmt: skip
CODECS = (
    "utf-8-sig",
    "latin-1",
    "cp437",
    "ascii",
    "idna",
    "unicode_escape",
    "raw_unicode_escape",
    "utf-16",
    "utf-32",
)
WIDTH = 8


def warm(purpose: str) -> None:
    """Load what a purpose needs: to `explain`, to `look` at uploads, to `draw` pictures, or to `try` the cage."""
    for name in CODECS:
        codecs.lookup(name)
    for step in _STEPS[purpose]:
        step()


def _engine() -> None:
    for name in _modules("explainers"):
        importlib.import_module(name)
    for name in LATER:
        importlib.import_module(name)


def _modules(package: str) -> Iterator[str]:
    """Return the names of a package's modules but those that only other programs use."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if module.name not in ENGINE_ALONE:
            yield module.name
            yield from _modules(module.name) if module.ispkg else ()


def _run() -> None:
    """Explain a small network: the runtime's threads, allocators and tables come with its first session."""
    import onnx.parser

    import explainers

    text = '<ir_version: 10, opset_import: ["" : 21]> g (float[N, 2] x) => (float[N, 2] y) { y = Tanh (x) }'
    model = explainers.load(onnx.parser.parse_model(text).SerializeToString())
    model.describe()
    explainers.explain(model, {"x": np.ones((2, 2), "f4")}, "gradient", threads=1)


def _fits() -> None:
    """Load what methods fit and smooth with, and fit once."""
    for name in ("scipy.ndimage", "scipy.stats.mstats", "sklearn.linear_model"):
        importlib.import_module(name)
    from scipy.stats import truncnorm
    from sklearn.linear_model import LinearRegression, Ridge, lars_path
    from sklearn.mixture import GaussianMixture

    from explainers.asking.alone import ALONE

    with ALONE:
        x, y = np.eye(3), np.arange(3.0)
        GaussianMixture(2, random_state=0, reg_covar=0.1).fit(
            np.random.default_rng(0).normal(size=(WIDTH, 3))
        )
        LinearRegression().fit(x, y)
        Ridge().fit(x, y)
        lars_path(x, y)
        truncnorm(-1, 1).ppf(0.5)


def _map() -> None:
    """Lay a few points out: the neighbours' trees and the threads' bounds come with the first map."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    from explainers.inside.flat_map import threads

    points = np.random.default_rng(0).normal(size=(WIDTH, 4))
    for solver in ("full", "randomized"):
        PCA(2, svd_solver=solver, random_state=0).fit(points)
    with threads().limit(limits=1):
        TSNE(2, perplexity=2, init="pca", random_state=0, max_iter=250).fit_transform(points)


def _segment() -> None:
    import scipy.ndimage
    from skimage.restoration import inpaint_biharmonic
    from skimage.segmentation import slic

    assert scipy.ndimage.gaussian_filter
    ramp = np.linspace(0, 1, WIDTH * WIDTH * 3).reshape(WIDTH, WIDTH, 3)
    slic(ramp, n_segments=2, channel_axis=-1)
    slic(ramp[..., 0], n_segments=2, channel_axis=None)
    inpaint_biharmonic(ramp[..., 0], ramp[..., 0] > 0.5)
    scipy.ndimage.distance_transform_edt(ramp[..., 0] > 0.5)


def _random() -> None:
    np.random.default_rng(0).normal(size=2)
    np.linalg.lstsq(np.eye(2), np.ones(2), rcond=None)


def _texts() -> None:
    """Read a tokenizer and cut a text, where the package is there."""
    from explainers.errors import InvalidRequest
    from explainers.words import Words

    plain = {
        "version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {"a": 0, "?": 1}, "unk_token": "?"},
    }  # fmt: skip
    try:
        words = Words(json.dumps(plain), "tokenizer.json")
    except InvalidRequest:
        return
    words.tokens(words.encode(["a b"], None)["ids"][0])


def _pictures() -> None:
    from PIL import Image

    from explainers.pixels import read_picture

    Image.init()
    for kind in ("PNG", "JPEG"):
        file = io.BytesIO()
        Image.new("RGB", (WIDTH, WIDTH)).save(file, kind)
        file.seek(0)
        read_picture(file)


def _parquet() -> None:
    import pyarrow as pa
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pa.table({"a": [1.0], "b": ["x"]}), file)
    file.seek(0)
    table = parquet.ParquetFile(file).read()
    for i in range(table.num_columns):
        table.column(i).to_numpy(zero_copy_only=False)


def _draw() -> None:
    """Draw one picture of each form: fonts are opened, and stay open, at their first letter."""
    from matplotlib.font_manager import fontManager

    from explainers import render
    from explainers.types import Account, Card, Explanation

    account = Account.model_validate(_plain_account())
    for card, shape in _FORMS:
        x = np.linspace(-1e-7, 1.0, int(np.prod(shape)), dtype="f4").reshape(shape)
        with warnings.catch_warnings():
            # a letter that no font has is drawn as a box; here it only makes all fonts open
            warnings.simplefilter("ignore")
            render.picture(
                Explanation({"attribution.x": x}, account, {"x": x}), {"x": x}, 0, Card.model_validate(card)
            )
    assert fontManager.ttflist


def _plain_account() -> dict[str, Any]:
    plain: dict[str, Any] = {name: {} for name in ("params", "target", "versions")}
    return plain | {"method": "gradient", "seed": 0, "provider": "cpu", "model": "", "items": 1}


_STEPS: dict[str, list[Callable[[], None]]] = {
    "explain": [_engine, _fits, _map, _run, _segment, _random, _texts, _pictures],
    "look": [_engine, _run, _texts, _pictures, _parquet],
    "draw": [_pictures, _draw],
    "try": [],
}
_FORMS: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"inputs": {"x": {"kind": "image", "layout": "NCHW", "low": 0, "high": 1}}}, (1, 3, WIDTH, WIDTH)),
    ({"inputs": {"x": {"kind": "series", "layout": "NTC"}}}, (1, WIDTH, 2)),
    ({"inputs": {"x": {"kind": "tabular", "feature_names": ["a", "b", "\u4e2d"]}}}, (1, 3)),
    ({}, (1, 4, 4)),
]
