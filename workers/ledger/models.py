"""Models and data sets of a tenant."""

from __future__ import annotations

import math
from typing import Any, TypeVar, cast

import numpy as np
from sqlalchemy import bindparam, delete, func, select, tuple_
from sqlalchemy.orm import Session

from explainers.types import Card, ModelDescription
from workers.errors import Conflict, NotFound
from workers.records import ArrayRecord, DatasetRecord, ModelRecord, Page
from workers.tables import OPEN_JOB, Dataset, Job, Model, ModelName

from . import pages, uses
from .database import clock
from .times import moment

Row = TypeVar("Row", Model, Dataset)
_NAMES = (
    select(ModelName.name, ModelName.version)
    .where(ModelName.tenant == bindparam("tenant"), ModelName.model == bindparam("model"))
    .order_by(ModelName.name, ModelName.version)
)


def keep(
    session: Session, tenant: str, size: int, card: Card, description: ModelDescription
) -> tuple[Model, bool]:
    """Keep a model, or take the newer card of one that is kept; True: it is new."""
    fields = {"card": card.model_dump(mode="json"), "description": description.model_dump(mode="json")}
    found = session.get(Model, (tenant, description.id))
    if found is not None:
        # bytes sent again without a card say nothing about what is known
        if card != Card():
            found.card, found.description = fields["card"], fields["description"]
        return found, False
    model = Model(tenant=tenant, id=description.id, size=size, created=clock(session), **fields)
    session.add(model)
    uses.add(session, tenant, "model", f"{tenant}/{model.id}", model.id)
    return model, True


def set_card(model: Model, card: Card, description: ModelDescription) -> None:
    """Replace a model's card, and what was seen of the model with it."""
    model.card, model.description = card.model_dump(mode="json"), description.model_dump(mode="json")


def name(session: Session, tenant: str, name: str, model: str) -> None:
    """Let a name mean this model from now on, as its next version unless it means it already."""
    newest = _newest(session, tenant, name)
    if newest is None or newest.model != model:
        version = newest.version + 1 if newest else 1
        session.add(ModelName(tenant=tenant, name=name, version=version, model=model))
        session.flush()


def find(session: Session, tenant: str, ref: str) -> Model:
    """Return the model that a digest, a name or name:version means."""
    found = session.get(Model, (tenant, ref)) or _by_name(session, tenant, ref)
    if found is None:
        raise NotFound(f"there is no model {ref[:140]!r}; upload it with POST /v1/models", pointer="/model")
    return found


def _by_name(session: Session, tenant: str, ref: str) -> Model | None:
    plain, _, version = ref.partition(":")
    if version and not (version.isascii() and version.isdigit() and len(version) < 10):
        return None
    named = (
        session.get(ModelName, (tenant, plain, int(version))) if version else _newest(session, tenant, plain)
    )
    return None if named is None else session.get(Model, (tenant, named.model))


def _newest(session: Session, tenant: str, name: str) -> ModelName | None:
    same = (ModelName.tenant == tenant, ModelName.name == name)
    return session.scalars(select(ModelName).where(*same).order_by(ModelName.version.desc()).limit(1)).first()


def record(session: Session, model: Model) -> ModelRecord:
    """Return a model without its session."""
    names = session.execute(_NAMES, {"tenant": model.tenant, "model": model.id})
    return ModelRecord(
        id=model.id, tenant=model.tenant, names=[f"{name}:{version}" for name, version in names], size=model.size,
        card=Card.model_validate(model.card), description=ModelDescription.model_validate(model.description),
        created=moment(model.created),
    )  # fmt: skip


def page(session: Session, tenant: str, limit: int, cursor: str | None) -> Page[ModelRecord]:
    """List a tenant's models, newest first."""
    rows, following = _page(session, Model, tenant, limit, cursor)
    return Page([record(session, m) for m in rows], following)


def forget(session: Session, tenant: str, ref: str) -> list[str]:
    """Forget a model; return the blobs that nobody needs now."""
    model = find(session, tenant, ref)
    busy = (Job.tenant == tenant, Job.model == model.id, Job.state.in_(OPEN_JOB))
    if count := session.scalars(select(func.count()).select_from(Job).where(*busy)).one():
        raise Conflict(f"{count} jobs of this model have not ended; cancel them first")
    session.execute(delete(ModelName).where(ModelName.tenant == tenant, ModelName.model == model.id))
    session.delete(model)
    return uses.drop(session, "model", f"{tenant}/{model.id}")


def keep_dataset(session: Session, dataset: Dataset, digests: list[str]) -> tuple[Dataset, bool]:
    """Keep a data set; True: it is new."""
    found = session.get(Dataset, (dataset.tenant, dataset.id))
    if found is not None:
        return found, False
    dataset.created = clock(session)
    dataset.size = sum(math.prod(a["shape"]) * np.dtype(a["dtype"]).itemsize for a in dataset.arrays)
    session.add(dataset)
    for digest in digests:
        uses.add(session, dataset.tenant, "dataset", f"{dataset.tenant}/{dataset.id}", digest)
    return dataset, True


def find_dataset(session: Session, tenant: str, id: str) -> Dataset:
    """Return a data set by its digest."""
    found = session.get(Dataset, (tenant, id))
    if found is None:
        raise NotFound(
            f"there is no data set {id[:64]!r}; upload it with POST /v1/datasets", pointer="/inputs/dataset"
        )
    return found


def dataset_record(dataset: Dataset) -> DatasetRecord:
    """Return a data set without its session."""
    arrays = [ArrayRecord(**a) for a in dataset.arrays]
    return DatasetRecord(
        dataset.id, dataset.tenant, dataset.filename, cast(Any, dataset.kind), dataset.items, arrays,
        list(dataset.columns), moment(dataset.created),
    )  # fmt: skip


def dataset_page(session: Session, tenant: str, limit: int, cursor: str | None) -> Page[DatasetRecord]:
    """List a tenant's data sets, newest first."""
    rows, following = _page(session, Dataset, tenant, limit, cursor)
    return Page([dataset_record(d) for d in rows], following)


def forget_dataset(session: Session, tenant: str, id: str) -> list[str]:
    """Forget a data set; return the blobs that nobody needs now."""
    session.delete(find_dataset(session, tenant, id))
    return uses.drop(session, "dataset", f"{tenant}/{id}")


def _page(
    session: Session, table: type[Row], tenant: str, limit: int, cursor: str | None
) -> tuple[list[Row], str | None]:
    wanted = [table.tenant == tenant]
    if cursor is not None:
        wanted.append(tuple_(table.created, table.id) < pages.decode(cursor))
    newest = select(table).where(*wanted).order_by(table.created.desc(), table.id.desc())
    found = list(session.scalars(newest.limit(limit + 1)))
    more, found = len(found) > limit, found[:limit]
    return found, pages.encode(found[-1].created, found[-1].id) if more else None
