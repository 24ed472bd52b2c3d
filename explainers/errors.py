"""Every way in which a request can be wrong, each with a stable code, a place in the request and a way out."""

from __future__ import annotations

from typing import Any, ClassVar


class ExplainError(Exception):
    """A refusal that the user can act on; `detail` names the thing, the reason and the way out."""

    code: ClassVar[str] = "explain-error"
    title: ClassVar[str] = "The request cannot be carried out"

    def __init__(self, detail: str, *, pointer: str = "", **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        self.extra = extra

    def to_json(self) -> dict[str, Any]:
        """Return the error as JSON-ready fields: `code`, `title`, `detail`, `errors` and whatever else it carries."""
        errors = [{"pointer": self.pointer, "detail": self.detail}] if self.pointer else []
        return {"code": self.code, "title": self.title, "detail": self.detail, "errors": errors, **self.extra}


class InvalidRequest(ExplainError):
    """A parameter, target or input that does not fit the method or the model."""

    code = "invalid-request"
    title = "The request does not fit the model or the method"

    @classmethod
    def of(cls, errors: list[dict[str, str]]) -> InvalidRequest:
        """Gather several faults, each `{"pointer", "detail"}`, into one refusal."""
        text = "; ".join(f"{e['pointer']}: {e['detail']}" for e in errors)
        return cls(text, errors=errors)


class ModelRefused(ExplainError):
    """Bytes that are no ONNX model, or a model that this engine will not open."""

    code = "model-refused"
    title = "The model cannot be accepted"


class ModelUnparseable(ModelRefused):
    """Bytes that do not parse as an ONNX model, or a graph that contradicts itself."""

    code = "model-unparseable"


class ModelForbidden(ModelRefused):
    """A model that asks for something which is not allowed here (external files, unknown domains, other formats)."""

    code = "model-not-allowed"


class OperatorsWithoutDerivative(ExplainError):
    """A backward method was asked of a model whose path from input to target cannot be differentiated."""

    code = "operators-without-derivative"
    title = "The model has operators without a derivative on the path to the target"


class TensorUnknown(InvalidRequest):
    """A tensor name that the model does not have."""

    code = "tensor-unknown"


class ResourceLimit(ExplainError):
    """More memory, time or model evaluations than the limit allows."""

    code = "resource-limit"
    title = "The request needs more than its limit"


class RuntimeFailure(ExplainError):
    """ONNX Runtime refused or failed to run the graph."""

    code = "runtime-failure"
    title = "The runtime could not run the model"


class ScoreNotFinite(RuntimeFailure):
    """The model answered to an item with NaN or an infinity: there is nothing that could be explained."""

    code = "score-not-finite"
    title = "The explained score is not a finite number"


class Cancelled(ExplainError):
    """The caller asked to stop."""

    code = "cancelled"
    title = "The job was cancelled"


def pointer_to(*steps: object) -> str:
    """Return the JSON pointer (RFC 6901) to a place in the request."""
    return "".join("/" + str(s).replace("~", "~0").replace("/", "~1") for s in steps)


def _kinds(cls: type[ExplainError]) -> dict[str, type[ExplainError]]:
    return {cls.code: cls} | {code: k for sub in cls.__subclasses__() for code, k in _kinds(sub).items()}


def from_json(fields: dict[str, Any]) -> ExplainError:
    """Rebuild an error that travelled as `to_json` fields, for example from a runner to its worker."""
    known = {"code", "title", "detail", "errors"}
    errors = fields.get("errors") or []
    kind = _kinds(ExplainError).get(str(fields.get("code")), ExplainError)
    extra = {k: v for k, v in fields.items() if k not in known}
    if len(errors) > 1 or any(e["detail"] != fields["detail"] for e in errors):
        extra["errors"] = errors
    return kind(str(fields["detail"]), pointer=errors[0]["pointer"] if len(errors) == 1 else "", **extra)
