from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from PIL import Image

import explainers
from explainers.errors import ExplainError, InvalidRequest, ModelForbidden, ModelUnparseable, ResourceLimit
from explainers.types import Card
from workers.errors import Conflict, Gone, IdempotencyMismatch, InputUnreadable, NotFound, NotReady
from workers.records import Submission
from workers.service import Service
from workers.settings import Settings

X = np.random.default_rng(1).normal(size=(5, 4)).astype("f4")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Iterator[Service]:
    """A service whose broker never answers."""
    settings = Settings(data=tmp_path_factory.mktemp("quiet"), redis_url="redis://127.0.0.1:1/0", slots=1)
    service = Service.open(settings)
    yield service
    service.close()


@pytest.fixture(scope="module")
def saved(tmp_path_factory, mlp_bytes):
    path = tmp_path_factory.mktemp("upload") / "upload"
    path.write_bytes(mlp_bytes)
    return path


@pytest.fixture(scope="module")
def model(quiet, saved) -> str:
    return quiet.add_model("default", saved, {}, None, "mlp")[0].id


def ask(model, **fields) -> Submission:
    return Submission(model, **{"method": "gradient", "inputs": {"input": X}, **fields})


def test_the_same_model_again_is_the_same(quiet, saved, model):
    record, created = quiet.add_model("default", saved, {}, None, "mlp")
    assert (record.id, created, record.names) == (model, False, ["mlp:1"])
    assert quiet.add_model("other", saved, {}, None)[1]


def test_a_model_is_found_by_digest_name_and_version(quiet, model):
    assert {quiet.model("default", ref).id for ref in (model, "mlp", "mlp:1")} == {model}
    for ref in ("mlp:2", "nobody", "mlp:x", "../mlp", model[:-1]):
        with pytest.raises(NotFound):
            quiet.model("default", ref)


def test_a_new_model_under_an_old_name_is_its_next_version(quiet, tmp_path, make_mlp, model):
    (tmp_path / "m").write_bytes(make_mlp(seed=5))
    record, _ = quiet.add_model("versions", tmp_path / "m", {}, None, "x")
    (tmp_path / "m").write_bytes(make_mlp(seed=6))
    newer, _ = quiet.add_model("versions", tmp_path / "m", {}, None, "x")
    assert quiet.model("versions", "x").id == newer.id
    assert quiet.model("versions", "x:1").id == record.id


def test_models_are_listed_by_pages_newest_first(quiet, model):
    first = quiet.models("versions", 1)
    second = quiet.models("versions", 1, first.cursor)
    assert [first.items[0].names, second.items[0].names, second.cursor] == [["x:2"], ["x:1"], None]
    with pytest.raises(InvalidRequest):
        quiet.models("default", 1, "garbage")


def test_no_tenant_sees_what_is_anothers(quiet, model):
    job, _ = quiet.submit("default", ask(model))
    for look in (quiet.job, quiet.cancel, quiet.result, quiet.finished.manifest, quiet.events):
        with pytest.raises(NotFound):
            look("other", job.id)
    with pytest.raises(NotFound):
        quiet.model("stranger", model)
    assert quiet.jobs("stranger").items == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"method": "nothing"}, "/method"),
        ({"params": {"nothing": 1}}, "/params/nothing"),
        ({"target": {"index": 7}}, "/target/index"),
        ({"inputs": {"input": X.astype("i8")}}, "/inputs/input"),
        ({"inputs": {"input": X[:, :2]}}, "/inputs/input"),
        ({"inputs": {"input": X * np.nan}}, "/inputs/input"),
        ({"inputs": {}}, "/inputs/input"),
        ({"inputs": None}, "/inputs"),
        ({"seed": -1}, "/seed"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_not_enqueued(quiet, model, changes, pointer):
    before = quiet.counts().jobs
    with pytest.raises(InvalidRequest) as refused:
        quiet.submit("default", ask(model, **changes))
    assert pointer in [e["pointer"] for e in refused.value.to_json()["errors"]]
    assert quiet.counts().jobs == before


def test_a_job_above_the_cost_limit_is_refused(tmp_path, saved):
    service = Service.open(Settings(data=tmp_path, redis_url="redis://127.0.0.1:1/0", item_evaluations=2))
    service.add_model("default", saved, {}, None, "m")
    with pytest.raises(ResourceLimit):
        service.submit("default", ask("m", method="occlusion"))
    service.close()


def test_a_key_brings_the_same_job_and_refuses_another_request(quiet, model):
    first, created = quiet.submit("default", ask(model, seed=3), "key")
    again, created_again = quiet.submit("default", ask(model, seed=3), "key")
    assert (again.id, created, created_again) == (first.id, True, False)
    with pytest.raises(IdempotencyMismatch):
        quiet.submit("default", ask(model, seed=4), "key")
    assert quiet.submit("other", ask(quiet.model("other", model).id, seed=4), "key")[1]


def test_a_queued_job_has_no_result_and_is_cancelled_at_once(quiet, model):
    job, _ = quiet.submit("default", ask(model, seed=9))
    with pytest.raises(NotReady):
        quiet.result("default", job.id)
    assert quiet.cancel("default", job.id).state == "cancelled"
    with pytest.raises(Conflict):
        quiet.result("default", job.id)
    assert [e.data.get("state") for e in quiet.events("default", job.id) if e.kind == "state"] == [
        "queued",
        "cancelled",
    ]
    assert quiet.cancel("default", job.id) is None
    with pytest.raises(Gone):
        quiet.result("default", job.id)


def test_a_model_with_open_jobs_is_not_deleted(quiet, tmp_path, make_mlp):
    (tmp_path / "m").write_bytes(make_mlp(seed=7))
    quiet.add_model("default", tmp_path / "m", {}, None, "busy")
    job, _ = quiet.submit("default", ask("busy"))
    with pytest.raises(Conflict):
        quiet.delete_model("default", "busy")
    quiet.cancel("default", job.id)
    quiet.delete_model("default", "busy")
    with pytest.raises(NotFound):
        quiet.model("default", "busy")


@pytest.mark.parametrize("data", [b"", b"x", b"\x89PNG\r\n\x1a\n", b"\x08\x07"])
def test_garbage_is_no_model(quiet, tmp_path, data):
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(ModelUnparseable):
        quiet.add_model("default", tmp_path / "m", {}, None)


def test_a_card_must_fit_the_model(quiet, saved):
    for card in ({"inputs": {"nobody": {}}}, {"inputs": {"input": {"colour": 1}}}):
        with pytest.raises(InvalidRequest):
            quiet.add_model("default", saved, {}, card)


@pytest.fixture
def bundle(tmp_path, mlp_bytes):
    onnx.save_model(
        onnx.load_from_string(mlp_bytes), tmp_path / "m.onnx", save_as_external_data=True, location="weights.bin",
        size_threshold=0,
    )  # fmt: skip
    return tmp_path


def test_a_bundle_is_taken_in_and_explains_like_the_whole(quiet, bundle):
    record, created = quiet.add_model(
        "bundles", bundle / "m.onnx", {"weights.bin": bundle / "weights.bin"}, None
    )
    again, new = quiet.add_model("bundles", bundle / "m.onnx", {"weights.bin": bundle / "weights.bin"}, None)
    assert (created, new, again.id) == (True, False, record.id)
    assert record.description.parameters == 4 * 8 + 8 + 8 * 3 + 3
    assert record.id == explainers.load(bundle / "m.onnx").id


def test_a_model_may_come_with_a_data_file_for_each_of_very_many_tensors(quiet, tmp_path):
    count, shape = 600, (1, 3)
    weights = {f"w{i}": np.full(shape, i, "f4") for i in range(count)}
    nodes = [onnx.helper.make_node("Add", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(count)]
    ends = [onnx.helper.make_tensor_value_info(n, 1, ["N", 3]) for n in ("x0", f"x{count}")]
    stored = [onnx.numpy_helper.from_array(a, n) for n, a in weights.items()]
    graph = onnx.helper.make_graph(nodes, "many", ends[:1], ends[1:], stored)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save_model(
        made, tmp_path / "m.onnx", save_as_external_data=True, all_tensors_to_one_file=False, size_threshold=0
    )  # fmt: skip
    parts = {p.name: p for p in tmp_path.iterdir() if p.name != "m.onnx"}
    assert len(parts) == count
    record, _ = quiet.add_model("bundles", tmp_path / "m.onnx", parts, None)
    assert record.id == explainers.load(tmp_path / "m.onnx").id


def test_more_data_files_than_can_be_sent_on_are_refused(quiet, bundle):
    with pytest.raises(ModelForbidden, match="1001 data files"):
        quiet.add_model(
            "bundles", bundle / "m.onnx", {str(i): bundle / "weights.bin" for i in range(1001)}, None
        )


@pytest.mark.parametrize("name", ["../weights.bin", "", "a/b", ".", "..", "w\0", "x" * 300])
def test_external_data_has_a_plain_name(quiet, bundle, name):
    with pytest.raises(ModelForbidden):
        quiet.add_model("bundles", bundle / "m.onnx", {name: bundle / "weights.bin"}, None)


def test_external_data_that_was_not_sent_is_refused(quiet, bundle):
    with pytest.raises(ExplainError):
        quiet.add_model("bundles", bundle / "m.onnx", {}, None)
    with pytest.raises(ExplainError):
        quiet.add_model("bundles", bundle / "m.onnx", {"other.bin": bundle / "weights.bin"}, None)


def test_data_sets_are_read_and_kept(quiet, tmp_path):
    np.save(tmp_path / "d.npy", np.ones((7, 4), "f4"))
    record, created = quiet.add_dataset("default", tmp_path / "d.npy", "d.npy")
    assert (record.items, record.kind, created) == (7, "arrays", True)
    assert not quiet.add_dataset("default", tmp_path / "d.npy", "d.npy")[1]
    assert quiet.dataset("default", record.id) == record
    with pytest.raises(NotFound):
        quiet.dataset("other", record.id)
    quiet.delete_dataset("default", record.id)
    with pytest.raises(NotFound):
        quiet.dataset("default", record.id)


def test_a_data_set_with_nan_is_refused(quiet, tmp_path):
    np.save(tmp_path / "d.npy", np.full((7, 4), np.nan, "f4"))
    with pytest.raises(InputUnreadable):
        quiet.add_dataset("default", tmp_path / "d.npy", "d.npy")


def test_a_data_set_that_does_not_fit_is_refused(quiet, model, tmp_path):
    np.savez(tmp_path / "d.npz", a=np.ones((7, 5), "f4"))
    record, _ = quiet.add_dataset("default", tmp_path / "d.npz", "d.npz")
    with pytest.raises(InvalidRequest):
        quiet.submit("default", ask(model, inputs=None, dataset=record.id))


def test_input_files_are_read_for_the_input(quiet, model, tmp_path):
    np.save(tmp_path / "x", X)
    (tmp_path / "x.csv").write_text("1,2,3,4\n5,6,7,8\n")
    read = quiet.read_input_file("default", model, "input", tmp_path / "x.npy", "x.npy")
    np.testing.assert_array_equal(read["input"], X)
    assert quiet.read_input_file("default", model, "input", tmp_path / "x.csv", "x.csv")["input"].shape == (
        2,
        4,
    )
    with pytest.raises(InvalidRequest):
        quiet.read_input_file("default", model, "nobody", tmp_path / "x.npy", "x.npy")


def test_a_service_without_a_worker_is_not_ready(quiet):
    ready = quiet.ready()
    assert (ready.ledger, ready.broker, ready.worker, ready.ready) == (True, False, False, False)
    assert len(ready.reasons) == 2


def test_pictures_in_a_zip_are_a_data_set(quiet, tmp_path):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for i in range(3):
            out = io.BytesIO()
            Image.fromarray(np.full((4, 5, 3), i, np.uint8)).save(out, "PNG")
            archive.writestr(f"{i}.png", out.getvalue())
    record, _ = quiet.add_dataset("default", tmp_path / "p.zip", "p.zip")
    assert (record.kind, record.arrays[0].shape) == ("images", [3, 4, 5, 3])


def test_no_process_that_saw_a_tenants_upload_sees_anothers(service_stack, make_mlp, tmp_path):
    scanner = service_stack.service._scanner
    file = tmp_path / "model.onnx"
    file.write_bytes(make_mlp(seed=77))
    seen = {}
    for tenant in ("ada", "bob", "ada"):
        with file.open("rb") as source:
            scanner.of(tenant).scan(source, Card())
        look = scanner._desks[0]._shelf._kept
        assert seen.setdefault(tenant, look[tenant].runner.pid) == look[tenant].runner.pid
    assert seen["ada"] != seen["bob"]
    for number in range(4):
        with file.open("rb") as source:
            scanner.of(f"other {number}").scan(source, Card())
    assert len(look) == 3
    assert "bob" not in look
