"""Copies made by the graph: the same to the last bit as those made here, whatever the model is like."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest

import explainers
from explainers.asking.blocks import FRONT_WEIGHTS, Asker
from explainers.asking.coalitions import Game
from explainers.asking.covers import Copies, Shown
from explainers.asking.groups import Groups
from explainers.explainer import Place
from explainers.graph.front import fits, put_to
from explainers.run import Run
from explainers.runtime import Session
from explainers.signature import read_request

IDS = np.array([[0, 1, 1], [2, 3, 0]])
"""Of three groups; 3 stands for what is in none, and always there."""
several = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core has one lane")
MASKS = np.random.default_rng(2).random((9, 3)) < 0.5
ROWS = np.zeros(len(MASKS), np.int64)


def parsed(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(text)


def echo(opset: int = 21, first: str = "N, 2, 3") -> onnx.ModelProto:
    """Two inputs of 2 by 3 values, each given back; `first` is the shape of one of them."""
    return parsed(f"""
    <ir_version: 8, opset_import: ["" : {opset}]>
    echo (float[{first}] x, float[N, 2, 3] z) => (float[{first}] y, float[N, 2, 3] w) {{
        y = Identity(x)
        w = Identity(z)
    }}""")


def copies(fill: float, ids: np.ndarray = IDS, names: str = "xz") -> Copies:
    rng = np.random.default_rng(0)
    covers = {
        n: Shown(n, rng.normal(size=(2, 3)).astype("f4"), np.full((1, 2, 3), fill, "f4")) for n in names
    }
    return Copies(Groups(dict.fromkeys(covers, ids), dict.fromkeys(covers, 0), 3), covers)


def given(proto: onnx.ModelProto, made: Copies, axes: dict[str, int | None], *, begin: int = 0) -> dict:
    front = made.front(MASKS, axes)
    whole = put_to(proto, front)
    onnx.checker.check_model(whole)
    return Session(whole).run({**front.shared, **front.rows(begin, len(MASKS))})


@pytest.mark.parametrize("ids", [IDS, IDS % 3], ids=["some in no group", "all in groups"])
@pytest.mark.parametrize("fill", [0.0, 0.7, -1e6])
@pytest.mark.parametrize("opset", [7, 21])
def test_the_graph_makes_the_copies_that_are_made_here_to_the_last_bit(opset, fill, ids):
    made = copies(fill, ids)
    found, expected = given(echo(opset), made, {"x": 0, "z": 0}), made.show(MASKS, ROWS)

    np.testing.assert_array_equal(found["y"], expected["x"])
    np.testing.assert_array_equal(found["w"], expected["z"])
    np.testing.assert_array_equal(given(echo(), made, {"x": 0, "z": 0}, begin=5)["y"], expected["x"][5:])


@pytest.mark.parametrize(("axis", "shape"), [(1, "2, N, 3"), (2, "2, 3, N")])
def test_items_lie_along_the_axis_that_the_model_has_them_on(axis, shape):
    made = copies(0.5)
    found = given(echo(first=shape), made, {"x": axis, "z": 0})
    np.testing.assert_array_equal(found["y"], np.moveaxis(made.show(MASKS, ROWS)["x"], 0, axis))


def test_an_input_that_is_an_output_too_and_one_that_a_branch_reads_are_made():
    branches = parsed("""
    <ir_version: 8, opset_import: ["" : 16]>
    branches (float[N, 2, 3] x, float[N, 2, 3] z) => (float[N, 2, 3] x, float[N, 2, 3] y) {
        one = Constant<value: tensor = bool[1] {1}>()
        y = If (one) <
            then_branch = yes () => (float[N, 2, 3] a) { a = Neg(z) },
            else_branch = no () => (float[N, 2, 3] b) { b = Identity(x) }
        >
    }""")
    made = copies(0.5)
    found, expected = given(branches, made, {"x": 0, "z": 0}), made.show(MASKS, ROWS)
    np.testing.assert_array_equal(found["x"], expected["x"])
    np.testing.assert_array_equal(found["y"], -expected["z"])


def test_a_model_without_the_common_operators_gets_those_that_are_needed():
    scaler = parsed("""
    <ir_version: 8, opset_import: ["ai.onnx.ml" : 3]>
    scaler (float[N, 6] x) => (float[N, 6] y) { y = ai.onnx.ml.Scaler<offset = [1.0], scale = [2.0]>(x) }""")
    x = np.arange(6, dtype="f4")
    cover = Shown("x", x, np.zeros((1, 6), "f4"))
    made = Copies(Groups({"x": IDS.ravel() % 3}, {"x": 0}, 3), {"x": cover})
    found = given(scaler, made, {"x": 0})["y"]
    np.testing.assert_array_equal(found, (made.show(MASKS, ROWS)["x"] - 1) * 2)


def test_what_the_graph_cannot_make_is_made_here():
    double = {"x": Shown("x", np.ones((2, 3)), np.zeros((1, 2, 3)))}
    background = {"x": Shown("x", np.ones((2, 3), "f4"), np.zeros((2, 2, 3), "f4"))}
    for covers in (double, background):
        made = Copies(Groups({"x": IDS}, {"x": 0}, 3), covers)
        assert made.front(MASKS, {"x": 0}) is None


@pytest.mark.parametrize("name", ["front/shares/x", "front/by_group/x", "front/MatMul_0"])
def test_a_model_whose_names_are_those_of_a_front_gets_none(name):
    named = echo()
    assert fits(named)
    named.graph.node[0].output[0] = named.graph.output[0].name = name
    assert not fits(named)


def game(model: explainers.model.Model, x: np.ndarray, planned: int, threads: int = 2) -> Game:
    request, place = read_request({"method": "kernel_shap"}), Place(threads=threads)
    run = Run(model, request, {"input": x}, len(x), place, lambda *_: None)
    cover = Shown("input", x[0], np.full((1, *x.shape[1:]), 0.3, np.float32))
    ids = np.arange(64).reshape(1, 8, 8) // 4
    return Game(Asker(run, planned), 0, Copies(Groups({"input": ids}, {"input": 0}, 16), {"input": cover}))


@several
def test_coalitions_are_worth_the_same_whoever_makes_the_copies(digits, digit_images):
    masks = np.random.default_rng(1).random((500, 16)) < 0.5
    few, many = (game(digits, digit_images, planned) for planned in (60, 600))

    assert not few.asker.in_graph
    assert many.asker.in_graph
    assert not game(digits, digit_images, 600, threads=1).asker.in_graph
    np.testing.assert_allclose(many.values(masks), few.values(masks), rtol=1e-5, atol=1e-6)
    builds = digits.builds
    game(digits, digit_images[1:], 600).values(masks)
    assert digits.builds == builds, "another item has another matrix, and the same session"


@several
def test_a_model_exported_for_one_item_is_asked_in_batches_all_the_same(digits, digit_images):
    proto = onnx.ModelProto()
    proto.CopyFrom(digits.proto)
    for v in (*proto.graph.input, *proto.graph.output):
        v.type.tensor_type.shape.dim[0].dim_value = 1
    masks = np.random.default_rng(1).random((500, 16)) < 0.5
    found, expected = game(explainers.load(proto), digit_images, 600), game(digits, digit_images, 600)

    assert found.asker.in_graph
    np.testing.assert_allclose(found.values(masks), expected.values(masks), rtol=1e-5, atol=1e-6)


@several
@pytest.mark.parametrize("more", [False, True])
def test_a_large_model_is_not_held_twice(more):
    columns = FRONT_WEIGHTS // (4 * 64)
    weights = onnx.numpy_helper.from_array(np.zeros((64, columns + 1 if more else columns // 2), "f4"), "w")
    proto = parsed("""
    <ir_version: 8, opset_import: ["" : 16]>
    large (float[N, 1, 8, 8] input) => (float[N, M] output) {
        flat = Flatten(input)
        output = MatMul(flat, w)
    }""")
    proto.graph.initializer.append(weights)
    assert game(explainers.load(proto), np.ones((1, 1, 8, 8), "f4"), 600).asker.in_graph == (not more)
