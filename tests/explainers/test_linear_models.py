"""Linear models of ai.onnx.ml, scaled and normalised, explained like the matrix products they are."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

import explainers
from explainers.errors import OperatorsWithoutDerivative

ML = "ai.onnx.ml"
ROWS = np.array([[0.5, -0.3, 0.2], [0.1, 0.7, -0.4], [-0.6, 0.3, 0.1]], "f4")
OFFSET, SCALE = np.array([0.1, 0.2, 0.3], "f4"), np.array([1.0, 2.0, -0.5], "f4")
INTERCEPTS = np.array([0.1, -0.2, 0.3], "f4")


def pipeline(post, labels, dtype=TensorProto.FLOAT, *, rows=ROWS, normalised=True):
    """Scaler, LinearClassifier, Normalizer: what scikit-learn's pipelines become."""
    kind = "classlabels_ints" if isinstance(labels[0], int) else "classlabels_strings"
    nodes = [
        helper.make_node(
            "Scaler", ["x"], ["scaled"], domain=ML, offset=OFFSET.tolist(), scale=SCALE.tolist()
        ),
        helper.make_node(
            "LinearClassifier",
            ["scaled"],
            ["label", "scores"],
            domain=ML,
            coefficients=rows.ravel().tolist(),
            intercepts=INTERCEPTS[: len(rows)].tolist(),
            post_transform=post,
            **{kind: labels},
        ),
        helper.make_node("Normalizer", ["scores"], ["probabilities"], domain=ML, norm="L1"),
    ]
    label = TensorProto.INT64 if isinstance(labels[0], int) else TensorProto.STRING
    graph = helper.make_graph(
        nodes if normalised else nodes[:-1],
        "g",
        [helper.make_tensor_value_info("x", dtype, ["N", 3])],
        [
            helper.make_tensor_value_info("label", label, ["N"]),
            helper.make_tensor_value_info(
                "probabilities" if normalised else "scores", TensorProto.FLOAT, ["N", len(labels)]
            ),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ML, 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_a_last_step_that_has_no_derivative_is_named():
    model = explainers.load(pipeline("PROBIT", [7, 8, 9]))
    x = np.zeros((1, 3), "f4")
    with pytest.raises(
        OperatorsWithoutDerivative, match=r"LinearClassifier: .* with PROBIT the runtime gives no numbers"
    ):
        explainers.explain(model, x, "gradient", target=1)


@pytest.mark.parametrize("labels", [[7, 8, 9], ["a", "b", "c"], [7, 8]])
@pytest.mark.parametrize("post", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
def test_explains_with_the_labels_and_scores_of_the_deployed_model(post, labels):
    """One row of coefficients stands for two classes."""
    proto = pipeline(post, labels, rows=ROWS if len(labels) == 3 else ROWS[:1])
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("f4")
    found = explainers.explain(explainers.load(proto), x, "gradient", target=1)
    label, probabilities = ort.InferenceSession(proto.SerializeToString()).run(None, {"x": x})
    assert found.outputs["label"].tolist() == list(label)
    np.testing.assert_allclose(found.outputs["probabilities"], probabilities, rtol=1e-5)


@pytest.mark.parametrize("post", ["LOGISTIC", "SOFTMAX"])
def test_relevance_of_a_class_is_its_coefficients_times_the_scaled_features(post):
    """One linear layer: LRP-0 is contribution by contribution, and the intercept absorbs its own (Bach et al., 2015, eq. 58)."""
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("f4")
    params = {"composite": "epsilon", "epsilon": 1e-9, "ledger": True, "stabilizer": {"epsilon": 1e-9}}
    target = {"index": 2}
    found = explainers.explain(
        explainers.load(pipeline(post, [0, 1, 2], normalised=False)), x, "lrp", params, target
    )
    terms = ROWS[2] * (x - OFFSET) * SCALE
    # the offset is a bias of the difference before it: x / (x - offset) of a feature's share stays with the feature
    np.testing.assert_allclose(found.attributions["x"], terms * x / (x - OFFSET), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.account.score, (terms.sum(1) + INTERCEPTS[2]), rtol=1e-4, atol=1e-6)
    for entry in found.account.ledger:
        assert max(abs(u) for u in entry.unexplained) <= 1e-5 * max(entry.size)


def test_whole_numbers_are_features_too():
    x = np.array([[1, 2, 3]], "i8")
    model = explainers.load(pipeline("NONE", [0, 1, 2], TensorProto.INT64))
    found = explainers.explain(model, x, "gradient", target={"output": "scores", "index": 0})
    np.testing.assert_allclose(found.attributions["x"], ROWS[:1] * SCALE, rtol=1e-6)


@pytest.mark.parametrize("method", ["gradient", "lrp", "integrated_gradients", "meaningful_perturbation"])
def test_without_a_target_each_item_s_own_class_is_explained_and_said(method):
    """Shape inference knows nothing of the classifier: what the graph cannot say, a run does."""
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("f4")
    found = explainers.explain(explainers.load(pipeline("SOFTMAX", [0, 1, 2])), x, method)

    assert found.account.index == found.outputs["probabilities"].argmax(1).tolist()
    assert not any("the sum of its values is explained" in w for w in found.account.warnings)
