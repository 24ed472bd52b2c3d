"""Refusals of the service, next to those of the engine."""

from __future__ import annotations

from explainers.errors import ExplainError


class NotFound(ExplainError):
    """No such model, data set, job or item for this tenant."""

    code = "not-found"
    title = "There is no such thing"


class Conflict(ExplainError):
    """The thing is in a state that does not allow this."""

    code = "conflict"
    title = "The state does not allow this"


class NotReady(Conflict):
    """A result was asked for before the job ended; `extra["retry_after"]` says in how many seconds to come again."""

    code = "not-ready"
    title = "The job has not ended"


class Gone(ExplainError):
    """A result that was removed, by request or by age."""

    code = "gone"
    title = "The result is no longer kept"


class IdempotencyMismatch(ExplainError):
    """An idempotency key that was used before with another request."""

    code = "idempotency-mismatch"
    title = "The idempotency key belongs to another request"


class TooLarge(ExplainError):
    """An upload above its limit."""

    code = "too-large"
    title = "The upload is above the limit"


class InputUnreadable(ExplainError):
    """An input file or data set that cannot be read as what it claims to be."""

    code = "input-unreadable"
    title = "The file cannot be read"


class Crashed(ExplainError):
    """The process that ran the model died."""

    code = "worker-crashed"
    title = "The process that ran the model died"


class ServiceFailed(ExplainError):
    """A fault of the service itself: neither the model's nor the request's."""

    code = "service-failed"
    title = "The service failed"


class TimeLimit(ExplainError):
    """The work took longer than its limit."""

    code = "time-limit"
    title = "The work took longer than its limit"


class Unavailable(ExplainError):
    """A part of the service does not answer."""

    code = "unavailable"
    title = "A part of the service does not answer"


class Busy(Unavailable):
    """All places are taken by others; `extra["retry_after"]` says in how many seconds to come again."""

    code = "busy"
    title = "The service has its hands full"


class LedgerUnavailable(Unavailable):
    """The ledger's database does not answer, or takes no writes."""

    code = "ledger-unavailable"
    title = "The ledger does not answer"


class StorageFull(Unavailable):
    """The disk of models, inputs and results holds nothing more."""

    code = "storage-full"
    title = "The disk is full"


class QuotaExceeded(ExplainError):
    """A tenant has used up what it may; `extra["retry_after"]` says in how many seconds to come again, where time helps."""

    code = "quota-exceeded"
    title = "A quota is used up"


class AuditBroken(ExplainError):
    """The audit log is not what was written."""

    code = "audit-broken"
    title = "The audit log was changed"
