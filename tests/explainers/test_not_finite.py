"""A score that is NaN or infinite explains nothing: the item fails and says so, whatever the method."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest

import explainers
from explainers.errors import ScoreNotFinite
from explainers.registry import methods

# numpy says that it reckons with NaN, which is what happens here
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
LOGS = """<ir_version: 10, opset_import: ["" : 21]> logs (float[N, 3] input) => (float[N, 1] output)
    <int64[1] one = {1}> { logs = Log (input)  output = ReduceSum (logs, one) }"""
ASKED = [n for n, m in methods().items() if m.family == "sampling"]
NEEDED = {"permutation_importance": {"metric": "score"}, "meaningful_perturbation": {"steps": 2}}


@pytest.fixture(scope="module")
def logs():
    return explainers.load(onnx.parser.parse_model(LOGS))


@pytest.mark.parametrize("method", [*ASKED, "gradient", "input_x_gradient", "integrated_gradients"])
@pytest.mark.parametrize("given", [-1.0, 0.0])
def test_an_item_without_a_finite_score_fails_with_its_reason(logs, method, given):
    x = np.full((2, 3), 2, np.float32)
    x[1, 2] = given
    with pytest.raises(
        ScoreNotFinite, match=r"score of item 1 from 'output' is (nan|-inf), not a finite number"
    ):
        explainers.explain(
            logs,
            x,
            method,
            {"fill": 1.0} if "fill" in methods()[method].params.model_fields else NEEDED.get(method),
        )


PER_ITEM = [n for n in ASKED if methods()[n].per_item]


@pytest.mark.parametrize("method", PER_ITEM)
def test_a_copy_without_a_finite_score_fails_the_item_and_names_the_way_out(logs, method):
    with pytest.raises(ScoreNotFinite, match=r"values are replaced has the score -inf .* take another fill"):
        explainers.explain(logs, np.full((1, 3), 2, np.float32), method, {"fill": 0.0})


def test_activations_of_such_an_item_can_be_looked_at(logs):
    x = np.full((1, 3), -1, np.float32)

    found = explainers.explain(logs, x, "activations", {"layer": "logs"}).arrays
    assert np.isnan(found["output.output"]).all()
