"""Calls to a provider, as they are logged and timed: name, operation, how it ended, how long it took."""

import functools
import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from config.observability import counters
from payments.providers.base import (
    Canceled,
    Declined,
    MethodDetails,
    NotFound,
    Pending,
    Provider,
    Succeeded,
    Unknown,
)

P = ParamSpec("P")
Answer = TypeVar("Answer")

OPERATIONS = ("charge", "refund", "cancel", "retrieve", "retrieve_refund", "inspect_method")
OUTCOMES: dict[type, str] = {
    Succeeded: "succeeded",
    Declined: "declined",
    Pending: "pending",
    Canceled: "canceled",
    Unknown: "unknown",
    NotFound: "not_found",
    MethodDetails: "found",
}

logger = logging.getLogger(__name__)


def observed(provider: Provider) -> Provider:
    """`provider` itself, its operations watched; one of which nothing is ever asked stays as it is."""
    if provider.settles_itself:
        for operation in OPERATIONS:
            setattr(provider, operation, _watched(provider.name, operation, getattr(provider, operation)))
    return provider


def _watched(provider: str, operation: str, call: Callable[P, Answer]) -> Callable[P, Answer]:
    @functools.wraps(call)
    def watched(*args: P.args, **kwargs: P.kwargs) -> Answer:
        started, said = time.perf_counter(), "raised"
        try:
            outcome = call(*args, **kwargs)
            said = OUTCOMES.get(type(outcome), "other")
            return outcome
        finally:
            _tell(provider, operation, said, time.perf_counter() - started)

    return watched


def _tell(provider: str, operation: str, outcome: str, seconds: float) -> None:
    counters.PROVIDER_CALL_SECONDS.observe(seconds, provider, operation, outcome)
    told = {"provider": provider, "operation": operation, "outcome": outcome, "duration_ms": round(seconds * 1000, 1)}
    logger.info("provider call", extra=told)
