"""Whether a request fits a method and a model, judged from the model's description alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from . import registry
from .datasets import Datasets
from .errors import InvalidRequest, OperatorsWithoutDerivative, TensorUnknown, pointer_to
from .layout import shapes_of
from .types import Array, Arrays, At, Card, ModelDescription, Target, TensorSpec


@dataclass(frozen=True)
class Request:
    """A request whose method exists and whose parameters are valid."""

    method: str
    params: registry.Params
    target: Target
    seed: int = 0
    opened: bool = False
    """Inner leaves (embeddings, casts, an `at`) come from outside as inputs of the compiled graph."""


def read_request(fields: Mapping[str, Any]) -> Request:
    """Validate `method`, `params`, `target` and `seed`; every fault is listed with its JSON pointer."""
    kind = registry.find(_word(fields.get("method")))
    errors: list[dict[str, str]] = []
    params = _parse(TypeAdapter(kind.params), fields.get("params") or {}, "/params", errors)
    target = _parse(TypeAdapter(Target), _target(fields.get("target")), "/target", errors)
    seed = fields.get("seed") or 0
    if type(seed) is not int or not 0 <= seed < 2**63:
        errors.append({"pointer": "/seed", "detail": "seed must be a whole number from 0 to 2^63 - 1"})
    if errors:
        raise InvalidRequest.of(errors)
    return Request(kind.name, params, target, seed)


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("method must be the name of a method", pointer="/method")
    return value


def _target(value: Any) -> Any:
    if value is None:
        return {}
    if isinstance(value, Target):
        return value
    return {"index": value} if isinstance(value, int | str) else value


def _parse(kind: TypeAdapter[Any], value: Any, at: str, errors: list[dict[str, str]]) -> Any:
    try:
        return kind.validate_python(value)
    except ValidationError as e:
        errors.extend({"pointer": _pointer(at, error["loc"]), "detail": error["msg"]} for error in e.errors())
        return None


def _pointer(at: str, location: tuple[int | str, ...]) -> str:
    # a union's branches appear in pydantic's locations under type names, which no client wrote
    steps = [
        str(s)
        for s in location
        if isinstance(s, int) or not ("[" in s or s in ("int", "bool", "float", "str", "At") or "'" in s)
    ]
    return "/".join([at, *steps])


def read_inputs(description: ModelDescription, inputs: Mapping[str, Array]) -> tuple[Arrays, int]:
    """Check names, types, shapes, batch and finiteness of the inputs; return them in the model's types with the item count."""
    errors: list[dict[str, str]] = []
    wanted = {spec.name: spec for spec in description.inputs}
    there = ", ".join(wanted)
    errors += [_fault(n, f"the model has no input {n!r}; it has: {there}") for n in inputs if n not in wanted]
    arrays: Arrays = {}
    for name, spec in wanted.items():
        if name not in inputs:
            errors.append(_fault(name, f"input {name!r} ({spec.dtype}, shape {_text(spec)}) is missing"))
            continue
        try:
            arrays[name] = _fit(np.asarray(inputs[name]), spec)
        except InvalidRequest as e:
            errors.append(_fault(name, e.detail))
    items = {
        name: arrays[name].shape[spec.batch_axis]
        for name, spec in wanted.items()
        if name in arrays and spec.batch_axis is not None
    }
    if len(set(items.values())) > 1:
        errors.append(_fault(next(iter(items)), f"the inputs disagree on the number of items: {items}"))
    if errors:
        raise InvalidRequest.of(errors)
    return arrays, next(iter(items.values()), 1)


def _fault(name: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer_to("inputs", name), "detail": detail}


def _text(spec: TensorSpec) -> str:
    if spec.shape is None:
        return "any"
    return (
        "("
        + ", ".join("N" if i == spec.batch_axis else str(d or "?") for i, d in enumerate(spec.shape))
        + ")"
    )


def _fit(a: Array, spec: TensorSpec) -> Array:
    a = _convert(a, spec.dtype)
    if spec.shape is not None:
        _check_shape(a.shape, spec)
    if a.dtype.kind == "f" and not np.isfinite(a).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(a))[0])
        raise InvalidRequest(
            f"holds NaN or an infinity, first at {list(at)}; explanations need finite inputs"
        )
    return a


def _convert(a: Array, dtype: str) -> Array:
    if dtype == "str":
        if a.dtype.kind not in "UOS":
            raise InvalidRequest(f"must be strings, got {a.dtype}")
        return a.astype(object)
    want = np.dtype(dtype)
    if a.dtype == want:
        return a
    both_whole, both_real = a.dtype.kind in "iu" and want.kind in "iu", a.dtype.kind == want.kind == "f"
    if not (both_whole or both_real):
        raise InvalidRequest(f"must be {want}, got {a.dtype}; convert it as the model's training did")
    with np.errstate(over="ignore", invalid="ignore"):
        out = a.astype(want)
    if both_whole and not np.array_equal(out, a):
        raise InvalidRequest(f"holds values that do not fit {want}")
    if both_real and np.isfinite(a).all() and not np.isfinite(out).all():
        raise InvalidRequest(f"holds values too large for {want}")
    return out


def _check_shape(shape: tuple[int, ...], spec: TensorSpec) -> None:
    assert spec.shape is not None
    if len(shape) != len(spec.shape):
        hint = (
            "; put a batch axis in front"
            if len(shape) == len(spec.shape) - 1 and spec.batch_axis == 0
            else ""
        )
        raise InvalidRequest(f"must have {len(spec.shape)} axes {_text(spec)}, got shape {list(shape)}{hint}")
    wrong = any(
        isinstance(d, int) and i != spec.batch_axis and n != d
        for i, (n, d) in enumerate(zip(shape, spec.shape, strict=True))
    )
    if wrong or 0 in shape:
        raise InvalidRequest(f"must have shape {_text(spec)} with at least one value, got {list(shape)}")


def check(description: ModelDescription, request: Request, items: int) -> None:
    """Refuse a request whose target does not fit the model, or whose method the model cannot support."""
    spec = target_spec(description, request.target)
    kind = registry.find(request.method)
    _check_index(spec, request.target, None if kind.searches else items)
    _check_explained(description, request.params)
    # a model without a float output has none by default: the target then names an inner tensor
    default = request.target.output is None or spec.name == next(
        (o.name for o in description.outputs if _is_float(o)), None
    )
    support = description.families.get("backward" if kind.needs == "grad" else "sampling")
    if support is not None and default and not support.supported:
        would = [m.name for m in registry.methods().values() if m.needs == "run"]
        raise OperatorsWithoutDerivative(
            f"{kind.name} cannot explain this model: {support.reason}. Methods that would work: {', '.join(would)}",
            pointer="/method",
            nodes=[b.model_dump() for b in support.blockers],
            methods=would,
        )


def first_output(description: ModelDescription) -> TensorSpec:
    """Return the output that is explained when the target names none: the first one of floats."""
    for spec in description.outputs:
        if _is_float(spec):
            return spec
    there = ", ".join(f"{s.name} ({s.dtype})" for s in description.outputs)
    raise InvalidRequest(
        f"the model has no float output to explain (it has: {there}); name an inner tensor",
        pointer="/target/output",
    )


def _is_float(spec: TensorSpec) -> bool:
    return spec.dtype.startswith(("float", "bfloat"))


def target_spec(description: ModelDescription, target: Target) -> TensorSpec:
    """Return the spec of the output or inner tensor that the target names, or refuse with near names."""
    if target.output is None:
        return first_output(description)
    known = description.tensors | {s.name: s for s in description.outputs}
    if target.output not in known:
        from difflib import get_close_matches

        near = get_close_matches(target.output, known, n=5, cutoff=0.3) or list(known)[:5]
        raise TensorUnknown(
            f"the model has no tensor {target.output!r}; near it: {', '.join(near)}", pointer="/target/output"
        )
    spec = known[target.output]
    if not spec.dtype.startswith(("float", "bfloat")):
        raise InvalidRequest(
            f"{spec.name!r} holds {spec.dtype}; a target must be a float tensor", pointer="/target/output"
        )
    return spec


def _check_index(spec: TensorSpec, target: Target, items: int | None) -> None:
    behind = None if spec.shape is None else spec.shape[1:]
    if isinstance(target.index, list) and items is not None and len(target.index) != items:
        raise InvalidRequest(
            f"index lists {len(target.index)} classes for {items} items", pointer="/target/index"
        )
    one = [target.index] if type(target.index) is int else []
    flat = target.index if isinstance(target.index, list) else one
    if behind is not None:
        classes = class_count(spec.shape)
        for i in [*flat, *(target.contrast or ())]:
            if classes is None or (isinstance(classes, int) and not -classes <= i < classes):
                where = "/target/contrast" if target.contrast else "/target/index"
                raise InvalidRequest(_range_text(spec, i, classes), pointer=where)
        if isinstance(target.index, At):
            _check_at(behind, target.index.at)
        if target.index == "argmax" and classes is None:
            raise InvalidRequest(
                f"{spec.name!r} of shape {spec.shape} has no single class axis; use {{'at': [...]}} or weights",
                pointer="/target/index",
            )


def _range_text(spec: TensorSpec, i: int, classes: int | str | None) -> str:
    if classes is None:
        return f"{spec.name!r} has shape {spec.shape}: an index needs one class axis; use {{'at': [...]}} or weights"
    return f"{i} is no class of {spec.name!r}, which has {classes} (0 to {int(classes) - 1})"


def _check_at(behind: list[int | str | None], at: list[int]) -> None:
    wrong = not 0 < len(at) <= len(behind) or any(
        isinstance(d, int) and not -d <= i < d for i, d in zip(at, behind, strict=False)
    )
    if wrong:
        raise InvalidRequest(
            f"{at} is no position in an output of shape {behind} per item", pointer="/target/index/at"
        )


def class_count(shape: list[int | str | None] | None) -> int | str | None:
    """Return the length of the class axis of (N, C), (N, C, 1, ...) or (N,), or None where there is no single one."""
    if shape is None:
        return None
    behind = list(shape[1:])
    while len(behind) > 1 and behind[-1] == 1:
        behind.pop()
    return (behind[0] or "C") if len(behind) == 1 else 1 if not behind else None


def _check_explained(description: ModelDescription, params: registry.Params) -> None:
    for i, name in enumerate(params.explain_inputs or []):
        if name not in description.explained_inputs:
            there = ", ".join(description.explained_inputs) or "none"
            raise InvalidRequest(
                f"{name!r} is no input that can be explained; there are: {there}",
                pointer=f"/params/explain_inputs/{i}",
            )


def evaluations(
    request: Request,
    arrays: Mapping[str, Array],
    description: ModelDescription | None = None,
    card: Card | None = None,
    datasets: Datasets | None = None,
) -> int:
    """Estimate how many model evaluations one item takes, and refuse what cannot fit; of data sets only the shapes count."""
    return registry.find(request.method).evaluations(
        request.params, shapes_of(arrays, description, card, datasets)
    )


def per_item(request: Request) -> bool:
    """Say whether a job of this request can be cut into chunks of items."""
    return registry.find(request.method).per_item
