"""The machines of endpoints and deliveries, every step of them."""

import itertools

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_fsm import TransitionNotAllowed

from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.states import DeliveryStatus, EndpointStatus
from webhooks.outbound.tests.support import make_endpoint

OF_ENDPOINTS = {
    ("enabled", "pause"): "paused",
    ("paused", "resume"): "enabled",
    ("enabled", "disable"): "disabled",
    ("paused", "disable"): "disabled",
    ("disabled", "enable"): "enabled",
    ("enabled", "remove"): "deleted",
    ("paused", "remove"): "deleted",
    ("disabled", "remove"): "deleted",
}
OF_DELIVERIES = {
    ("pending", "deliver"): "delivered",
    ("pending", "bury"): "dead",
    **{(status, "resend"): "pending" for status in DeliveryStatus.values},
}


@pytest.mark.parametrize(
    ("status", "action"), list(itertools.product(EndpointStatus.values, sorted({action for _, action in OF_ENDPOINTS})))
)
def test_every_step_of_an_endpoint_is_in_the_table_or_refused(status: str, action: str) -> None:
    """The table above is the whole machine."""
    _check(Endpoint(status=status), action, OF_ENDPOINTS)


@pytest.mark.parametrize(
    ("status", "action"),
    list(itertools.product(DeliveryStatus.values, sorted({action for _, action in OF_DELIVERIES}))),
)
def test_every_step_of_a_delivery_is_in_the_table_or_refused(status: str, action: str) -> None:
    """The table above is the whole machine."""
    _check(Delivery(status=status), action, OF_DELIVERIES)


def _check(row: Endpoint | Delivery, action: str, allowed: dict[tuple[str, str], str]) -> None:
    before = row.status
    if (before, action) in allowed:
        getattr(row, action)()
        assert row.status == allowed[before, action]
    else:
        with pytest.raises(TransitionNotAllowed):
            getattr(row, action)()
        assert row.status == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("status", "is_due"), [("finished", False), ("pending", False), ("dead", True), ("delivered", True)]
)
def test_the_database_refuses_unknown_states_and_waiting_without_a_time(status: str, is_due: bool) -> None:
    """Whatever goes round the machine meets the constraints."""
    now = timezone.now()
    row = Delivery(endpoint=make_endpoint(), status=status, created_at=now, available_at=now if is_due else None)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
