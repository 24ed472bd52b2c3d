"""ONNX's own node tests: every case with a path from float to float has its gradient checked in float64."""

from __future__ import annotations

import pytest
from reference.conformance import LEFT_OUT, all_cases, sorted_out, verdict

import explainers.ops  # noqa: F401 - fills the tables

CHECKED, LEFT = sorted_out()
WRONG = {
    "test_affine_grid_2d_expanded": "the ranks in its branches are known only in the run",
    "test_affine_grid_2d_align_corners_expanded": "the ranks in its branches are known only in the run",
    "test_range_float_type_positive_delta_expanded": "the trip count of its Loop depends on the explained values",
    "test_range_float16_type_positive_delta_expanded": "the trip count of its Loop depends on the explained values",
    "test_range_bfloat16_type_positive_delta_expanded": "the trip count of its Loop depends on the explained values",
}


def test_no_case_is_skipped_in_silence():
    listed = dict(line.split(": ", 1) for line in LEFT_OUT.read_text().splitlines())
    assert listed == LEFT
    assert len(CHECKED) + len(LEFT) == len(all_cases())


def test_at_least_99_of_100_are_right():
    assert WRONG.keys() <= CHECKED.keys()
    assert len(WRONG) <= 0.01 * len(CHECKED)


@pytest.mark.parametrize("name", [n for n in CHECKED if n not in WRONG])
def test_gradient(name):
    assert verdict(CHECKED[name]) == ""


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused_is_refused(name):
    assert "known" in verdict(CHECKED[name])
