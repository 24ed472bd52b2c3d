"""What an operator sees and mends: dead and stuck jobs, old results, the store, backups, and the doctor's word."""

from __future__ import annotations

import stat
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import event, select, update

from explainers.cli import main
from workers import backup
from workers.admin import Admin
from workers.blobs import open_blobs
from workers.cli import admin as admin_command
from workers.doctor import examine
from workers.errors import Conflict, Crashed, InputUnreadable, NotFound, QuotaExceeded
from workers.ledger import claims, jobs, quotas, uses, window
from workers.ledger.database import pairs
from workers.records import Submission
from workers.service import Service
from workers.settings import Settings
from workers.tables import Job, Model

ROOT = Path(__file__).parents[2]
X = np.random.default_rng(1).normal(size=(5, 4)).astype("f4")


@pytest.fixture
def admin(settings, ledger) -> Admin:
    return Admin(settings, ledger)


@pytest.fixture
def dead(ledger, settings, new_job) -> str:
    """A job of one item whose attempts ran out."""
    number = new_job(items=1, total=1)
    with ledger.write() as session:
        session.add(Model(tenant="default", id="m", size=1, card={}, description={}, created=0.0))
        chunk = window.draw(session, settings, "cpu")[0].chunk
    for _ in range(settings.max_attempts):
        with ledger.write() as session:
            claims.crash(session, claims.claim(session, chunk, "w", 1, settings), Crashed("x"), settings)
    return number


def test_a_dead_job_is_listed_and_tried_again_from_the_beginning(admin, dead, ledger, settings):
    assert [row["job"] for row in admin.dead()] == [dead]
    assert admin.requeue(dead) == 1
    assert admin.dead() == []
    with ledger.write() as session:
        (ticket,) = window.draw(session, settings, "cpu")
    with ledger.write() as session:
        claim = claims.claim(session, ticket.chunk, "w", 1, settings)
        assert claims.succeed(session, claim, "a" * 64, 0.1)
    with ledger.read() as session:
        job = session.get_one(Job, dead)
        assert (job.state, job.dead, job.error, job.done_items) == ("succeeded", False, None, 1)


def test_what_cannot_be_tried_again_keeps_what_it_has(admin, dead, ledger):
    with ledger.write() as session:
        session.delete(session.get_one(Model, ("default", "m")))
    with pytest.raises(Conflict, match="model"):
        admin.requeue(dead)
    assert [row["job"] for row in admin.dead()] == [dead]


def test_only_dead_jobs_are_tried_again(admin, new_job):
    with pytest.raises(Conflict):
        admin.requeue(new_job())
    with pytest.raises(NotFound):
        admin.requeue("nobody")


def test_a_job_without_progress_is_stuck_and_the_reason_is_said(admin, new_job, ledger):
    number = new_job()
    assert admin.stuck(60) == []
    with ledger.write() as session:
        session.execute(update(Job).values(created=Job.created - 120))
    (row,) = admin.stuck(60)
    assert row["job"] == number
    assert "no worker" in row["reason"]


def test_old_results_are_purged_by_tenant(admin, new_job, ledger):
    ids = [new_job(tenant=t) for t in ("a", "b")]
    with ledger.write() as session:
        for number in ids:
            jobs.cancel(session, jobs.locked(session, number))
    time.sleep(0.05)
    assert admin.purge(0.01, "a") == {"jobs": 1, "files": 0}
    with ledger.read() as session:
        removed = pairs(session, select(Job.tenant, Job.removed))
    assert removed["a"] is not None
    assert removed["b"] is None


@pytest.mark.parametrize(
    ("limits", "fields"),
    [({"quota_jobs": 2}, {}), ({"quota_evaluations": 250}, {"evaluations": 100}), ({"quota_bytes": 200}, {})],
)
def test_a_spent_quota_stops_one_tenant_and_no_other(settings, ledger, new_job, limits, fields):
    held = settings.model_copy(update=limits)

    def take(tenant: str) -> None:
        number = new_job(tenant=tenant, **fields)
        with ledger.write() as session:
            job = session.get_one(Job, number)
            job.state = "cancelled"
            session.flush()
            quotas.take(session, held, job)
            job.state = "queued"

    take("a")
    take("a")
    with pytest.raises(QuotaExceeded):
        take("a")
    take("b")


def test_a_tenant_has_no_more_with_the_workers_than_its_quota(settings, ledger, new_job):
    new_job(items=1000, guess=100.0, tenant="a")
    held = settings.model_copy(update={"slots": 4, "quota_running": 3})
    with ledger.write() as session:
        assert len(window.draw(session, held, "cpu")) == 3
    new_job(items=1000, guess=100.0, tenant="b")
    with ledger.write() as session:
        assert len(window.draw(session, held, "cpu")) == 3


@pytest.fixture
def folder(tmp_path, mlp_bytes):
    """A data folder with a model and a job, without a running service."""
    settings = Settings(data=tmp_path / "data", redis_url="redis://127.0.0.1:1/0")
    service = Service.open(settings)
    (tmp_path / "m").write_bytes(mlp_bytes)
    model, _ = service.add_model("default", tmp_path / "m", {}, None, "m")
    service.submit("default", Submission(model.id, "gradient", inputs={"input": X}))
    service.close()
    return settings


def store(settings: Settings) -> dict:
    service = Service.open(settings)
    report = Admin(settings, service._database).verify_store()
    service.close()
    return report


def test_the_store_is_compared_with_the_ledger(folder):
    whole = store(folder)
    assert (whole["missing"], whole["changed"], whole["needed"]) == ([], [], 2)
    first, second = sorted(folder.blobs.glob("sha256/??/*"))
    first.unlink()
    second.chmod(0o600)
    second.write_bytes(b"x")
    broken = store(folder)
    assert (broken["missing"], broken["changed"]) == ([first.name], [second.name])
    done = CliRunner().invoke(admin_command, ["verify-store", "--data", str(folder.data)])
    assert done.exit_code == 1


def test_what_comes_and_goes_while_the_store_is_compared_is_not_missing(admin, settings, ledger):
    blobs, ended = open_blobs(settings.blobs, None), []
    gone, come = (blobs.put_bytes(b).digest for b in (b"goes", b"comes"))
    held = blobs.path(come).rename(settings.data / "comes")
    with ledger.write() as session:
        for digest in (gone, come):
            uses.add(session, "t", "result", "j", digest)

    def meanwhile(*_) -> None:
        if not ended:
            ended.append(True)
            held.rename(blobs.path(gone).parents[1] / come[:2] / come)
            with ledger.write() as session:
                uses.drop_one(session, "result", "j", gone)
            blobs.path(gone).unlink()

    # when the ledger was asked
    event.listen(ledger.engine, "checkin", meanwhile)
    assert admin.verify_store()["missing"] == []
    assert ended


def test_a_backup_restored_elsewhere_is_the_same(folder, tmp_path):
    file = tmp_path / "b.tar"
    assert backup.write(folder, file)["missing"] == []
    there = Settings(data=tmp_path / "there", redis_url=folder.redis_url)
    assert backup.read(there, file)["files"] == 2
    assert store(there)["missing"] == []
    service = Service.open(there)
    assert service.model("default", "m").names == ["m:1"]
    assert service.jobs("default").items[0].state == "queued"
    service.close()


def test_a_backup_overwrites_nothing_and_restores_into_nothing_but_emptiness(folder, tmp_path):
    file = tmp_path / "b.tar"
    backup.write(folder, file)
    with pytest.raises(Conflict, match="exists"):
        backup.write(folder, file)
    with pytest.raises(Conflict, match="not empty"):
        backup.read(folder, file)
    with pytest.raises(Conflict, match="pg_dump"):
        backup.write(folder.model_copy(update={"database_url": "postgresql://x/y"}), tmp_path / "c.tar")


def test_a_backup_that_breaks_off_or_holds_something_else_is_refused(folder, tmp_path):
    file, forged = tmp_path / "b.tar", tmp_path / "f.tar"
    backup.write(folder, file)
    with tarfile.open(file) as tar, tarfile.open(forged, "w") as out:
        out.addfile(tar.getmember("ledger.db"), tar.extractfile("ledger.db"))
    with pytest.raises(InputUnreadable, match="breaks off"):
        backup.read(Settings(data=tmp_path / "x"), forged)
    with tarfile.open(forged, "w") as out:
        out.add(__file__, "sha256/../../../escaped")
    with pytest.raises(InputUnreadable):
        backup.read(Settings(data=tmp_path / "y"), forged)
    assert not list(tmp_path.rglob("escaped"))


def test_the_doctor_says_what_is_missing(tmp_path, service_stack):
    bad = {c.name: c for c in examine(Settings(data=tmp_path / "d", redis_url="redis://127.0.0.1:1/0"))}
    assert not bad["broker"].good
    assert not bad["workers"].good
    assert bad["ledger"].good
    assert [c.name for c in examine(service_stack.settings) if not c.good] == []


def test_the_doctor_outlives_a_ledger_that_does_not_answer(tmp_path):
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=1"
    found = {c.name: c.good for c in examine(Settings(data=tmp_path, database_url=url))}
    assert (found["ledger"], found["workers"], found["python"]) == (False, False, True)


def test_the_doctor_outlives_settings_that_are_nonsense(tmp_path):
    found = {c.name: c for c in examine(Settings(data=tmp_path, database_url="here", redis_url="there"))}
    assert [name for name in ("ledger", "workers", "broker") if not found[name].good] == [
        "ledger",
        "workers",
        "broker",
    ]
    assert "URL" in found["ledger"].detail
    assert "URL" in found["broker"].detail


def test_the_doctor_looks_at_a_database_that_is_empty_yet(tmp_path, postgresql):
    for url in (None, postgresql.database()):
        found = {c.name: c for c in examine(Settings(data=tmp_path, database_url=url))}
        assert found["ledger"].good
        assert found["workers"].detail.startswith("0 say that they consume")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SLOTS", "many", "ONNXPLAIN_SLOTS: "), ("CORS_ORIGINS", "https://x", "cors_origins"),
        ("OIDC_ISSUER", "x", "oidc_audience"),
    ],
)  # fmt: skip
def test_a_setting_that_does_not_fit_is_named(tmp_path, name, value, said):
    env = {f"ONNXPLAIN_{name}": value, "COLUMNS": "300"}
    done = CliRunner().invoke(main, ["admin", "dead", "--data", str(tmp_path)], env=env)
    assert done.exit_code == 2
    assert said in done.output
    assert "fault is its own" not in done.output


SHORT_OF_DISK = """
import resource, signal, sys
from workers import backup
from workers.settings import Settings
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
backup.write(Settings(data=Path(sys.argv[1])), Path(sys.argv[2]))
"""


def test_a_backup_that_does_not_fit_leaves_nothing_and_no_other_user_may_read_one(folder, tmp_path):
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / "b.tar"
    # the copy of the ledger fits, the archive of all does not
    room = (folder.data / "ledger.db").stat().st_size + 4096
    run = [sys.executable, "-c", SHORT_OF_DISK, str(folder.data), str(file), str(room)]
    done = subprocess.run(run, check=False, capture_output=True, text=True, cwd=ROOT)
    assert "File too large" in done.stderr
    assert list(file.parent.iterdir()) == []
    backup.write(folder, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
