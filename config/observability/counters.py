"""What is counted and timed. Each process writes its numbers into files of its own; `scrape` adds them up.

Counting never fails what it counts, and what a transaction does is counted in `db.after_commit`, never before. Label
values come from closed sets: every combination is a time series for ever.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Gauge as PrometheusGauge
from prometheus_client import Histogram as PrometheusHistogram

from config.observability import files

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class _Metric:
    """Made when it is first used: by then the settings say where its numbers go."""

    def __init__(self, name: str, help: str, labels: Sequence[str]) -> None:
        self.name = name
        self._help = help
        self._labels = labels

    def _make(self) -> Any:
        raise NotImplementedError

    def _do(self, action: Callable[[Any], object], labels: Sequence[str]) -> None:
        try:
            action(self._made.labels(*labels))
        except Exception as error:
            files.note_loss(self.name, error)

    @functools.cached_property
    def _made(self) -> Any:
        with files.MAKING:
            files.prepare()
            return self.__dict__.get("_made") or self._make()


class Counter(_Metric):
    """How often something happened in a process's life."""

    def count(self, *labels: str) -> None:
        """Add one. Never raises."""
        self._do(PrometheusCounter.inc, labels)

    def _make(self) -> Any:
        return PrometheusCounter(self.name, self._help, self._labels, registry=files.REGISTRY)


class Histogram(_Metric):
    """How long something took, in seconds."""

    def observe(self, seconds: float, *labels: str) -> None:
        """Never raises."""
        self._do(lambda child: child.observe(seconds), labels)

    def _make(self) -> Any:
        made = PrometheusHistogram
        return made(self.name, self._help, self._labels, registry=files.REGISTRY, buckets=SECONDS_BUCKETS)


class LatestTime(_Metric):
    """When something happened last in any process, in Unix seconds."""

    def touch(self, *labels: str) -> None:
        """It happened now. Never raises."""
        self._do(PrometheusGauge.set_to_current_time, labels)

    def _make(self) -> Any:
        return PrometheusGauge(self.name, self._help, self._labels, registry=files.REGISTRY, multiprocess_mode="max")


REQUEST_SECONDS = Histogram(
    "quittance_request_seconds", "Requests answered, by URL pattern.", ["view", "method", "status"]
)
TASK_SECONDS = Histogram("quittance_task_seconds", "Celery tasks run.", ["task", "state"])
PROVIDER_CALL_SECONDS = Histogram(
    "quittance_provider_call_seconds", "Calls to payment providers.", ["provider", "operation", "outcome"]
)
PAYMENT_EVENTS = Counter(
    "quittance_payment_events", "What happened to payments, once per event.", ["provider", "event", "failure_code"]
)
WEBHOOKS = Counter("quittance_webhooks", "Provider webhooks answered.", ["provider", "status"])
IDEMPOTENT_REPLAYS = Counter("quittance_idempotent_replays", "Requests answered from an earlier one.", ["resource"])
TRANSACTION_RETRIES = Counter("quittance_transaction_retries", "Transactions run again.", ["reason"])
NUDGES_LOST = Counter("quittance_nudges_lost", "Messages no broker took; a sweep finds the work.", ["task"])
LOG_LINES_LOST = Counter("quittance_log_lines_lost", "Log records that could not be written.", ["reason"])
TASK_LATEST = LatestTime("quittance_task_latest_timestamp_seconds", "When a task ended last.", ["task"])
