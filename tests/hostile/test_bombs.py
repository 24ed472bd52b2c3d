"""Models that are well formed and do harm when they run: each ends in the words of its limit, and the slot is free again."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from onnx import parser
from reference.patience import PATIENCE

from explainers.errors import ResourceLimit
from workers.records import Submission

HEAD = '<ir_version: 10, opset_import: ["" : 21]> bomb (float[N, 2] x) => (float[N, 2] y)'
CONSTANT = f"""{HEAD} <int64[1] shape = {{17592186044800}}, int64[1] two = {{2}}> {{
    big = ConstantOfShape (shape)
    few = Slice (big, zero, two)
    y = Add (x, few) }}""".replace("int64[1] two = {2}", "int64[1] two = {2}, int64[1] zero = {0}")
GROWING = f"""{HEAD} <int64[2] first = {{1, 200000}}, int64[1] axis = {{1}}> {{
    one = ReduceSum (x, axis)
    wide = Expand (one, first)
    turned = Transpose (wide)
    huge = MatMul (turned, wide)
    huger = Exp (huge)
    all = ReduceSum <keepdims = 1> (huger)
    y = Add (x, all) }}"""
ENDLESS = f"""{HEAD} <int64 turns = {{9223372036854775807}}, bool yes = {{1}}> {{
    y = Loop (turns, yes, x) <body = step (int64 i, bool c, float[N, 2] a) => (bool d, float[N, 2] b) {{
        d = Identity (c)
        b = Sin (a) }}> }}"""

FOREVER = f"""{HEAD} <bool yes = {{1}}> {{
    y = Loop ( , yes, x) <body = step (int64 i, bool c, float[N, 2] a) => (bool d, float[N, 2] b) {{
        d = Identity (c)
        b = Sin (a) }}> }}"""
# sizes that stand nowhere in the model: a million million times what the inputs of ones add up to
COMPUTED = f"""{HEAD} <float big = {{1e12}}, int64[1] zero = {{0}}, int64[1] minus = {{-1}}, int64[1] one = {{1}}> {{
    sum = ReduceSum <keepdims = 0> (x)
    product = Mul (sum, big)
    count = Cast <to = 7> (product)
    many = Unsqueeze (count, zero)
    flat = Reshape (x, minus)
    %s
    all = ReduceSum <keepdims = 0> (huge)
    y = Add (x, all) }}"""
SWELLING = {
    "Tile": "huge = Tile (flat, many)",
    "Range": """from = Constant <value_int = 0> ()
    by = Constant <value_int = 1> ()
    numbers = Range (from, count, by)
    huge = Cast <to = 1> (numbers)""",
    "Pad": """pads = Concat <axis = 0> (zero, many)
    huge = Pad (flat, pads)""",
    "Expand": "huge = Expand (sum, many)",
    "ConstantOfShape": "huge = ConstantOfShape (many)",
    "Resize": """whole = Constant <value_ints = [1, 1, -1]> ()
    series = Reshape (x, whole)
    sizes = Concat <axis = 0> (one, one, many)
    huge = Resize <mode = "nearest"> (series, , , sizes)""",
}


@pytest.fixture(scope="module")
def small(make_stack):
    """A service that gives a model one GiB and six seconds."""
    return make_stack(slots=1, runner_memory=1 << 30, run_seconds=6.0, scan_seconds=20.0)


def resident(stack) -> int:
    processes = [
        psutil.Process(),
        *psutil.Process(stack.worker.pid).children(),
        psutil.Process(stack.worker.pid),
    ]
    return sum(p.memory_info().rss for p in processes)


def run(stack, text: str, method: str = "occlusion"):
    model = stack.add_model(parser.parse_model(text).SerializeToString())
    asked = Submission(model, method, inputs={"x": np.ones((1, 2), "f4")})
    return stack.service.wait("default", stack.service.submit("default", asked)[0].id, PATIENCE)


def test_a_constant_of_70_terabytes_is_refused_when_it_is_looked_at(small):
    before = resident(small)
    with pytest.raises(ResourceLimit):
        run(small, CONSTANT)
    assert resident(small) - before < 50 << 20


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(GROWING, "resource-limit", id="a chain that grows"),
        pytest.param(ENDLESS, "time-limit", id="a loop without end"),
        pytest.param(FOREVER, "time-limit", id="a loop by its condition alone"),
        *(pytest.param(COMPUTED % part, "resource-limit", id=name) for name, part in SWELLING.items()),
    ],
)
def test_a_bomb_ends_in_its_limit_and_the_next_job_is_done(small, make_mlp, text, code):
    before = resident(small)
    job = run(small, text)
    assert (job.state, job.error["code"]) == ("failed", code)
    assert resident(small) - before < 50 << 20
    good = small.add_model(make_mlp())
    asked = Submission(good, "gradient", inputs={"input": np.ones((1, 4), "f4")}, seed=time.time_ns() % 2**31)
    job = small.service.wait("default", small.service.submit("default", asked)[0].id, PATIENCE)
    assert job.state == "succeeded", Path(small.log.name).read_text()[-2000:]
