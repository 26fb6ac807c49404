import itertools

import pytest
from django.db import IntegrityError
from django_fsm import TransitionNotAllowed

from config.kernel import db
from outbox import services
from outbox.models import HeldEvent
from outbox.states import HeldStatus
from outbox.tests.support import Wire, aggregate, record

ALLOWED = {("held", "deliver"): "delivered", ("held", "skip"): "skipped"}
PAIRS = list(itertools.product(HeldStatus.values, ["deliver", "skip"]))


@pytest.mark.parametrize(("status", "action"), PAIRS)
def test_a_held_event_moves_only_as_its_table_says(status: str, action: str) -> None:
    """Held goes to delivered or skipped, which are final."""
    row = HeldEvent(status=status)
    if (status, action) in ALLOWED:
        getattr(row, action)()
        assert row.status == ALLOWED[status, action]
    else:
        with pytest.raises(TransitionNotAllowed):
            getattr(row, action)()
        assert row.status == status


def test_the_status_cannot_be_assigned() -> None:
    """Only transitions move it."""
    with pytest.raises(AttributeError):
        HeldEvent().status = "delivered"


@pytest.mark.django_db
def test_the_database_refuses_an_unknown_status() -> None:
    """A check constraint stands behind the machine."""
    Wire.poison = set(record(aggregate()))
    services.drain()

    @db.transaction(idempotent=False)
    def vandalise() -> None:
        with db.savepoint():
            HeldEvent.objects.update(status="lost")

    with pytest.raises(IntegrityError):
        vandalise()
