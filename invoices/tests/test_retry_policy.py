"""When a declined payment is tried again: a plain value."""

import datetime

import pytest
from django.conf import LazySettings

from invoices.services import RetryPolicy
from invoices.tests.factories import make_invoice


def seconds(policy: RetryPolicy, attempt: int) -> float | None:
    delay = policy.delay_after(attempt)
    return None if delay is None else delay.total_seconds()


def test_each_delay_is_twice_the_one_before_up_to_the_cap() -> None:
    """None after the last attempt."""
    policy = RetryPolicy(max_attempts=9, base_seconds=60, cap_seconds=3600, jitter_seconds=0)
    delays = [60, 120, 240, 480, 960, 1920, 3600, 3600, None, None]
    assert [seconds(policy, attempt) for attempt in range(1, 11)] == delays


def test_the_jitter_only_adds() -> None:
    """Nobody is asked earlier than the policy says, and not all at the same moment."""
    policy = RetryPolicy(max_attempts=2, base_seconds=60, cap_seconds=3600, jitter_seconds=10)
    found = {seconds(policy, 1) for _ in range(200)}
    assert len(found) > 100
    assert all(each is not None and 60 <= each <= 70 for each in found)


def test_one_attempt_is_no_retry() -> None:
    """The first decline is the last."""
    assert RetryPolicy(max_attempts=1, base_seconds=60, cap_seconds=3600, jitter_seconds=10).delay_after(1) is None


def test_very_late_attempts_have_a_delay_too() -> None:
    """A policy of ten thousand attempts does not overflow."""
    policy = RetryPolicy(max_attempts=10_000, base_seconds=60, cap_seconds=3600, jitter_seconds=0)
    assert policy.delay_after(9_999) == datetime.timedelta(hours=1)


def test_a_policy_survives_its_storing() -> None:
    """As JSON, field by field."""
    policy = RetryPolicy(max_attempts=5, base_seconds=1, cap_seconds=2, jitter_seconds=3)
    assert RetryPolicy.from_json(policy.to_json()) == policy


@pytest.mark.django_db
def test_an_invoice_keeps_the_policy_it_was_issued_with(settings: LazySettings) -> None:
    """Settings that change later change nothing for it; one from before policies has today's."""
    invoice = make_invoice()
    issued_with = RetryPolicy.default()
    settings.PAYMENT_RETRY_POLICY = {"max_attempts": 9, "base_seconds": 1, "cap_seconds": 1, "jitter_seconds": 0}
    invoice.refresh_from_db(fields=["retry_policy"])
    assert RetryPolicy.from_json(invoice.retry_policy) == issued_with
    assert RetryPolicy.from_json(None).max_attempts == 9
