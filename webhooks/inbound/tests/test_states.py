"""The machine of provider events, every step of it."""

import itertools

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django_fsm import TransitionNotAllowed

from payments.services import EventResult
from webhooks.inbound.models import Outcome, ProviderEvent
from webhooks.inbound.states import ProviderEventStatus

ALLOWED = {
    ("received", "process"): "processed",
    ("received", "ignore"): "ignored",
    ("received", "park"): "parked",
    ("received", "bury"): "dead",
    ("parked", "process"): "processed",
    ("parked", "ignore"): "ignored",
    ("parked", "bury"): "dead",
    **{(status, "reopen"): "received" for status in ProviderEventStatus.values},
}
ACTIONS = ["process", "ignore", "park", "bury", "reopen"]


@pytest.mark.parametrize(("status", "action"), list(itertools.product(ProviderEventStatus.values, ACTIONS)))
def test_every_step_is_in_the_table_or_refused(status: str, action: str) -> None:
    """The table above is the whole machine."""
    event = ProviderEvent(status=status)
    if (status, action) in ALLOWED:
        getattr(event, action)()
        assert event.status == ALLOWED[status, action]
    else:
        with pytest.raises(TransitionNotAllowed):
            getattr(event, action)()
        assert event.status == status


def test_whatever_payments_makes_of_an_event_is_an_outcome_here() -> None:
    """So that no result of payments fails to be stored."""
    assert {result.value for result in EventResult} <= set(Outcome.values)


def test_the_status_cannot_be_assigned() -> None:
    """Only transitions move it."""
    with pytest.raises(AttributeError):
        ProviderEvent().status = ProviderEventStatus.DEAD


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "is_due"),
    [("finished", False), ("received", False), ("parked", False), ("dead", True), ("processed", True)],
)
def test_the_database_refuses_unknown_states_and_waiting_without_a_time(status: str, is_due: bool) -> None:
    """Whatever goes round the machine meets the constraints."""
    now = timezone.now()
    row = ProviderEvent(status=status, event_id="e", received_at=now, available_at=now if is_due else None)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
    assert connection.is_usable()
