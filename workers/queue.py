"""Celery, and nothing of it outside: how a worker is woken up. What is true stands in the ledger."""

from __future__ import annotations

from typing import Any

from celery import Celery, bootsteps
from kombu.entity import Exchange, Queue

from .ledger.window import Ticket
from .settings import Settings

TASK = "onnxplain.explain_chunk"
QUEUES = {"cpu": "explain.cpu", "cuda": "explain.gpu"}
PRIORITIES = [0, 3, 6, 9]
SEPARATOR = ":"
# what reading a stranger's message may raise in Celery's main process, which would end
NONSENSE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class Patient(bootsteps.Step):  # type: ignore[misc]
    """Lets a worker live on that took a message which is no call: the message is gone, and the connection is made anew."""

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        consumer.connection_errors += NONSENSE


class Forgetful(bootsteps.StartStopStep):  # type: ignore[misc]
    """Keeps a worker that loses its broker from sending again what it holds: the ledger sees to that."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Mark the channel that was just opened."""
        consumer.connection.default_channel.do_restore = False


def create_app(settings: Settings) -> Celery:
    """Return the Celery application of these settings."""
    app = Celery("onnxplain", broker=broker_url(settings.redis_url or ""), set_as_current=False)
    app.conf.update(_config(settings))
    app.steps["consumer"].update((Patient, Forgetful))

    @app.task(name=TASK)  # type: ignore[untyped-decorator]
    def explain_chunk(chunk: int) -> None:
        from .supervisor import current

        current().explain(int(chunk))

    return app


def send(app: Celery, ticket: Ticket) -> None:
    """Put a chunk's wake-up call on its queue."""
    app.send_task(TASK, [ticket.chunk], queue=QUEUES[ticket.queue], priority=ticket.level, ignore_result=True)


def lists(settings: Settings) -> list[str]:
    """Return the broker's lists on which calls wait for this provider, the urgent ones first."""
    name = settings.key_prefix + QUEUES[settings.provider]
    return [f"{name}{SEPARATOR}{level}" if level else name for level in PRIORITIES]


def in_hand() -> int:
    """Return how many calls this worker's main process has taken that have not ended."""
    from celery.worker import state

    return len(state.reserved_requests)


def broker_url(url: str) -> str:
    """Return a Redis URL as Celery writes it, which differs for unix sockets."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}?{query.replace('db=', 'virtual_host=') or 'virtual_host=0'}"


def _config(settings: Settings) -> dict[str, Any]:
    exchange: Any = Exchange("onnxplain", type="direct")  # type: ignore[no-untyped-call]
    return {
        "task_queues": [_queue(name, exchange) for name in QUEUES.values()],
        "task_default_queue": QUEUES["cpu"],
        "task_default_exchange": "onnxplain",
        "task_default_routing_key": QUEUES["cpu"],
        # a typo must not make a queue that nobody reads
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        # the ledger counts attempts; Celery would requeue at the head for ever
        "task_reject_on_worker_lost": False,
        "task_acks_on_failure_or_timeout": True,
        "task_time_limit": settings.time_limit,
        "task_publish_retry_policy": {
            "max_retries": 2,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 0.5,
        },
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_proc_alive_timeout": 30,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "broker_connection_timeout": 2,
        "broker_pool_limit": 4,
        "broker_pool_acquire_timeout": 2,
        "broker_transport_options": _transport(settings),
        "worker_pool_restarts": False,
        "worker_eta_task_limit": 100,
    }


def _queue(name: str, exchange: Any) -> Any:
    return Queue(name, exchange, routing_key=name)  # type: ignore[no-untyped-call]


def _transport(settings: Settings) -> dict[str, Any]:
    timeouts: dict[str, Any] = {} if _on_socket(settings) else {"socket_keepalive": True}
    return timeouts | {
        # an acknowledgement that the broker does not take would never give its slot back, and the ledger needs none
        "ack_emulation": False,
        "queue_order_strategy": "priority",
        "priority_steps": PRIORITIES,
        "sep": SEPARATOR,
        "global_keyprefix": settings.key_prefix,
        "socket_connect_timeout": 5,
        "socket_timeout": 30,
        "retry_on_timeout": True,
        "health_check_interval": 25,
        "client_name": "onnxplain",
    }


def _on_socket(settings: Settings) -> bool:
    return (settings.redis_url or "").startswith("unix://")
