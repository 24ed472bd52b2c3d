from __future__ import annotations

import io
import time

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import explainers
from explainers.types import Explanation
from workers.errors import Conflict, Gone, NotFound
from workers.records import Submission

X = np.random.default_rng(1).normal(size=(5, 4)).astype("f4")


@pytest.fixture(scope="module")
def model(service_stack, mlp_bytes):
    return service_stack.add_model(mlp_bytes)


@pytest.fixture
def run(service_stack, model):
    """Submits a job and waits for its end."""

    def go(**fields):
        asked = Submission(**{"model": model, "method": "gradient", "inputs": {"input": X}, **fields})
        job, _ = service_stack.service.submit("default", asked)
        return service_stack.service.wait("default", job.id, 60)

    return go


def arrays(stack, job):
    return Explanation.load(stack.service.result("default", job.id).npz)


@pytest.mark.parametrize("method", ["gradient", "sensitivity", "input_x_gradient", "occlusion"])
def test_a_job_gives_what_the_engine_gives(service_stack, run, mlp_bytes, method):
    job = run(method=method, target={"index": 1})
    assert job.state == "succeeded", job.error
    found = arrays(service_stack, job)
    here = explainers.explain(explainers.load(mlp_bytes), {"input": X}, method, None, {"index": 1})
    for name, a in here.arrays.items():
        np.testing.assert_allclose(found.arrays[name], a, rtol=1e-5, atol=1e-6, err_msg=name)
    assert found.account.score == pytest.approx(here.account.score, rel=1e-5)


def test_the_chunks_of_a_job_join_to_the_whole(service_stack, run, mlp_bytes):
    many = np.random.default_rng(2).normal(size=(12_000, 4)).astype("f4")
    index = (np.arange(12_000) % 3).tolist()
    job = run(method="occlusion", inputs={"input": many}, target={"index": index})
    found = arrays(service_stack, job)
    here = explainers.explain(
        explainers.load(mlp_bytes), {"input": many}, "occlusion", None, {"index": index}
    )
    np.testing.assert_allclose(
        found.arrays["attribution.input"], here.arrays["attribution.input"], rtol=1e-4, atol=1e-5
    )
    assert found.account.index == index
    assert (job.progress.done, job.progress.total, found.account.items) == (12_000, 12_000, 12_000)
    assert service_stack.service.counts().chunks["succeeded"] > 2


def test_weights_per_item_are_cut_with_the_items(service_stack, run, mlp_bytes):
    many = np.random.default_rng(3).normal(size=(9000, 4)).astype("f4")
    weights = np.random.default_rng(4).normal(size=(9000, 3))
    job = run(inputs={"input": many}, target={"weights": weights.tolist()})
    here = explainers.explain(
        explainers.load(mlp_bytes), {"input": many}, "gradient", None, {"weights": weights.tolist()}
    )
    got = arrays(service_stack, job).arrays["attribution.input"]
    np.testing.assert_allclose(got, here.arrays["attribution.input"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv"])
def test_a_job_on_a_data_set_gives_the_same(service_stack, run, tmp_path, suffix):
    path = tmp_path / f"d.{suffix}"
    {
        "npy": lambda: np.save(path, X),
        "npz": lambda: np.savez(path, input=X),
        "csv": lambda: np.savetxt(path, X, delimiter=",", fmt="%.9g"),
    }[suffix]()
    dataset, _ = service_stack.service.add_dataset("default", path, path.name)
    want = arrays(service_stack, run(seed=1))
    got = arrays(service_stack, run(inputs=None, dataset=dataset.id, seed=1))
    np.testing.assert_allclose(got.arrays["attribution.input"], want.arrays["attribution.input"], rtol=1e-6)


def test_the_same_content_is_answered_from_the_first_result(service_stack, run):
    first, second = run(seed=21), run(seed=21)
    assert (first.cached, second.cached, second.state) == (False, True, "succeeded")
    service = service_stack.service
    assert service.result("default", first.id).digest == service.result("default", second.id).digest
    service.cancel("default", first.id)
    assert service.result("default", second.id).npz.exists()
    with pytest.raises(Gone):
        service.result("default", first.id)


def test_events_tell_the_states_in_order_and_resume(service_stack, run):
    job = run(seed=22)
    events = service_stack.service.events("default", job.id)
    assert [e.data["state"] for e in events if e.kind == "state"] == ["queued", "running", "succeeded"]
    assert events[-1].last
    assert [e.id for e in events] == sorted({e.id for e in events})
    assert service_stack.service.events("default", job.id, events[1].id) == events[2:]


def test_pictures_and_the_manifest_of_a_result(service_stack, run, mlp_bytes):
    job = run(seed=23)
    service = service_stack.service
    assert service.finished.picture("default", job.id, 4).startswith(b"\x89PNG")
    with pytest.raises(NotFound):
        service.finished.picture("default", job.id, 5)
    manifest = service.finished.manifest("default", job.id)
    assert manifest["model"]["sha256"] == explainers.load(mlp_bytes).id
    assert manifest["result"]["sha256"] == service.result("default", job.id).digest
    assert manifest["seed"] == 23


def lookup_bytes() -> bytes:
    """A table of ten rows, looked up by an input that may point outside it."""
    nodes = [
        helper.make_node("Cast", ["input"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["rows"]),
        helper.make_node("ReduceSum", ["rows", "axes"], ["logits"], keepdims=0),
    ]
    table = numpy_helper.from_array(np.random.default_rng(0).normal(size=(10, 3)).astype("f4"), "table")
    axes = numpy_helper.from_array(np.array([1]), "axes")
    graph = helper.make_graph(
        nodes,
        "lookup",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 3])],
        [table, axes],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()


def test_items_fail_one_by_one_with_their_reason(service_stack, run):
    bad = np.array([[0, 1], [2, 3], [99, 1], [4, 5]], "f4")
    job = run(model=service_stack.add_model(lookup_bytes()), method="occlusion", inputs={"input": bad})
    assert (job.state, job.error["code"], job.dead_letter) == (
        "partially_succeeded",
        "runtime-failure",
        False,
    )
    result = service_stack.service.result("default", job.id)
    assert [f.item for f in result.failures] == [2]
    found = Explanation.load(result.npz).arrays["attribution.input"]
    assert np.isnan(found[2]).all()
    assert np.isfinite(found[[0, 1, 3]]).all()
    assert result.account["score"][2] is None
    with pytest.raises(Conflict):
        service_stack.service.finished.picture("default", job.id, 2)
    assert service_stack.service.finished.picture("default", job.id, 3).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("method", "params"),
    [("permutation_importance", {"metric": "score"}), ("partial_dependence", {"grid": 3})],
)
def test_what_is_about_all_items_together_is_not_made_of_some(service_stack, run, method, params):
    bad = np.array([[0, 1], [2, 3], [99, 1], [4, 5]], "f4")
    model = service_stack.add_model(lookup_bytes())
    job = run(model=model, method=method, params=params, inputs={"input": bad}, target={"index": 1})
    assert (job.state, job.error["code"]) == ("failed", "runtime-failure")


def test_a_job_all_of_whose_items_fail_has_failed(service_stack, run):
    bad = np.full((2, 2), 99, "f4")
    job = run(model=service_stack.add_model(lookup_bytes()), method="occlusion", inputs={"input": bad})
    assert (job.state, job.error["code"]) == ("failed", "runtime-failure")
    with pytest.raises(explainers.errors.RuntimeFailure):
        service_stack.service.result("default", job.id)


def test_jobs_are_listed_by_state_method_and_model(service_stack, run, model):
    job = run(method="sensitivity", seed=31)
    service = service_stack.service
    assert service.jobs("default", state="succeeded", method="sensitivity", model=model).items[0].id == job.id
    assert service.jobs("default", state="cancelled", method="sensitivity").items == []


def test_a_running_stack_is_ready(service_stack):
    assert service_stack.service.ready().ready


def test_a_long_job_tells_how_far_it_is(service_stack, make_mlp):
    model = service_stack.add_model(make_mlp(64, 4096))
    inputs = {"input": np.random.default_rng(5).normal(size=(2000, 64)).astype("f4")}
    service = service_stack.service
    job, _ = service.submit("default", Submission(model, "occlusion", inputs=inputs))
    seen = set()
    while not (now := service.job("default", job.id)).final:
        seen.add(now.progress.done)
        time.sleep(0.05)
    assert now.state == "succeeded"
    assert len(seen) > 2
    assert len([e for e in service.events("default", job.id) if e.kind == "progress"]) > 1


def test_pixels_become_what_the_input_takes(service_stack, tmp_path):
    import zipfile

    from PIL import Image

    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for i in range(2):
            out = io.BytesIO()
            Image.fromarray(np.full((4, 5, 3), 255 * i, np.uint8)).save(out, "PNG")
            archive.writestr(f"{i}.png", out.getvalue())
    card = {"inputs": {"input": {"kind": "image", "layout": "NCHW", "low": -1.0, "high": 1.0}}}
    model = service_stack.add_model(flat_bytes(), **card)
    dataset, _ = service_stack.service.add_dataset("default", tmp_path / "p.zip", "p.zip")
    job, _ = service_stack.service.submit("default", Submission(model, "gradient", dataset=dataset.id))
    assert service_stack.service.wait("default", job.id, 30).state == "succeeded"
    outputs = arrays(service_stack, job).outputs["logits"]
    np.testing.assert_allclose(outputs[:, 0], [-60, 60], rtol=1e-5)
    assert service_stack.service.finished.picture("default", job.id, 1).startswith(b"\x89PNG")


def flat_bytes() -> bytes:
    """The sum of a picture of 3 x 4 x 5, twice."""
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "flat",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 4, 5])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(np.ones((60, 2), "f4"), "w")],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()
