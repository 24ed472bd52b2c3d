"""Every way to name a target is one linear functional; all agree where they mean the same."""

from __future__ import annotations

import numpy as np
import pytest

import explainers
from explainers.errors import InvalidRequest, TensorUnknown


def gradient(digits, images, target=None):
    result = explainers.explain(digits, images, "gradient", target=target)
    return result.attributions["input"], result.account


def test_the_default_is_each_items_own_argmax(digits, digit_images):
    g, account = gradient(digits, digit_images)
    logits = explainers.explain(digits, digit_images, "gradient").outputs["logits"]
    listed, listed_account = gradient(digits, digit_images, {"index": [int(i) for i in logits.argmax(1)]})

    assert account.index == listed_account.index == list(logits.argmax(1))
    np.testing.assert_allclose(account.score, logits.max(1), rtol=1e-6)
    np.testing.assert_allclose(g, listed, rtol=1e-5, atol=1e-6)


def test_a_contrast_is_a_difference(digits, digit_images):
    a, b, both = (gradient(digits, digit_images, t)[0] for t in (4, 9, {"contrast": [4, 9]}))
    np.testing.assert_allclose(both, a - b, atol=1e-4)


@pytest.mark.parametrize("shape", [(10,), (6, 10)])
def test_weights_are_any_linear_functional(digits, digit_images, shape):
    w = np.zeros(shape)
    w[..., 3], w[..., 5] = 2, -1
    a, b, both = (gradient(digits, digit_images, t)[0] for t in (3, 5, {"weights": w.tolist()}))
    np.testing.assert_allclose(both, 2 * a - b, atol=1e-4)


def test_a_negative_index_counts_from_the_end(digits, digit_images):
    np.testing.assert_array_equal(gradient(digits, digit_images, -1)[0], gradient(digits, digit_images, 9)[0])


def test_an_inner_channel_is_explained_by_its_position(digits, digit_images):
    name, spec = next((n, s) for n, s in digits.describe().tensors.items() if len(s.shape or []) == 4)
    c, h, w = spec.shape[1:]
    account = gradient(digits, digit_images, {"output": name, "index": {"at": [c - 1, h // 2, w // 2]}})[1]

    assert account.explained == name
    assert len(account.score) == len(digit_images)


def test_the_sum_is_explained_with_a_warning_where_there_is_no_class_axis(digits, digit_images):
    name = next(n for n, s in digits.describe().tensors.items() if len(s.shape or []) == 4)
    assert "sum of its values" in gradient(digits, digit_images, {"output": name})[1].warnings[0]


@pytest.mark.parametrize(
    ("target", "pointer"),
    [
        ({"index": 10}, "/target/index"),
        ({"index": [1, 2]}, "/target/index"),
        ({"contrast": [1, 11]}, "/target/contrast"),
        ({"index": {"at": [1, 2]}}, "/target/index/at"),
        ({"weights": [1.0, 2.0]}, "/target/weights"),
        ({"weights": [[1.0], 2.0]}, "/target/weights"),
        ({"weights": [None] * 10}, "/target/weights"),
        ({"index": 1, "contrast": [1, 2]}, "/target"),
        ({"output": "logit"}, "/target/output"),
        ({"outputs": "logits"}, "/target/outputs"),
        ({"logits": "never"}, "/target/logits"),
    ],
)
def test_a_target_that_does_not_fit_is_refused_with_its_pointer(digits, digit_images, target, pointer):
    with pytest.raises(InvalidRequest) as refused:
        gradient(digits, digit_images, target)
    pointers = [e["pointer"] for e in refused.value.to_json()["errors"]]

    assert pointer in pointers


def test_a_wrong_tensor_name_lists_near_ones(digits, digit_images):
    with pytest.raises(TensorUnknown, match="near it: logits"):
        gradient(digits, digit_images, {"output": "logit"})


def test_a_final_softmax_is_peeled_unless_forbidden(softmax_model):
    x = np.array([[0.5, -1.0, 2.0]], np.float32)
    peeled = explainers.explain(softmax_model, x, "gradient", target=0)
    whole = explainers.explain(softmax_model, x, "gradient", target={"index": 0, "logits": False})
    asked = explainers.explain(softmax_model, x, "occlusion", {"window": 1}, target=0)

    assert (peeled.account.logits, whole.account.logits, asked.account.logits) == (True, False, False)
    np.testing.assert_allclose(peeled.attributions["input"], [[2, 0, 0]])
    p = whole.outputs["output"][0]
    np.testing.assert_allclose(whole.attributions["input"][0], 2 * p[0] * (np.eye(3)[0] - p), rtol=1e-5)
    assert whole.account.score == pytest.approx([p[0]])


@pytest.mark.parametrize("method", ["occlusion", "exact_shapley", "lime", "rise", "permutation_importance"])
def test_who_asks_the_model_asks_for_the_logits_where_told_to(softmax_model, method):
    x = np.array([[0.5, -1.0, 2.0], [1.0, 0.0, -1.0]], np.float32)
    params = {"metric": "score"} if method == "permutation_importance" else {}
    target = {"index": 0, "logits": True}
    found = explainers.explain(softmax_model, x, method, params, target)
    named = explainers.explain(softmax_model, x, method, params, {"index": 0, "output": "logits"})

    assert (found.account.explained, found.account.logits) == ("logits", True)
    np.testing.assert_allclose(found.account.score, 2 * x[:, 0])
    for name, values in named.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], values)


def test_a_link_of_probabilities_refuses_logits(softmax_model):
    x = np.array([[0.5, -1.0, 2.0]], np.float32)
    with pytest.raises(InvalidRequest, match="between 0 and 1"):
        explainers.explain(
            softmax_model, x, "kernel_shap", {"link": "logit"}, target={"index": 2, "logits": True}
        )
