"""What plays the interleavings: it halts where it should, sees who waits, and is the same each time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
from django.db import OperationalError, connection, transaction

from invoices.models import Invoice
from invoices.tests.factories import make_invoice
from tests.interleavings.actors import END, Actor, Stand, advance
from tests.interleavings.playing import Pair, stage

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no row locks to wait for"),
]


@pytest.fixture
def actors() -> Iterator[list[Actor]]:
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Actor())) for _ in range(2)]


def locking(*invoices: Invoice) -> Callable[[], str]:
    """Takes their locks one after the other, in one transaction."""

    def lock() -> str:
        with transaction.atomic():
            for invoice in invoices:
                Invoice.objects.select_for_update().get(id=invoice.id)
        return "locked"

    return lock


def test_whoever_waits_for_a_lock_is_seen_to_wait_until_the_other_lets_go(actors: list[Actor]) -> None:
    """Halted before its COMMIT, the first has what the second wants; a step later it has not."""
    invoice, (first, second) = make_invoice(), actors
    first.begin(locking(invoice), halt_at=2)
    assert first.stand() is Stand.HALTED
    second.begin(locking(invoice), halt_at=2)
    assert second.stand() is Stand.WAITING
    first.go_one_on()
    assert [first.stand(), second.stand()] == [Stand.ENDED, Stand.HALTED]
    assert first.points == second.points == ["SELECT invoices_invoice", "COMMIT"]
    second.go_on(halt_at=END)
    assert second.stand() is Stand.ENDED
    assert (first.answer(), second.answer()) == ("locked", "locked")


def test_two_that_lock_the_wrong_way_round_deadlock_at_once(actors: list[Actor]) -> None:
    """Each has one of two locks: going on ends one of them, and the other one gets there."""
    one, other = make_invoice(), make_invoice()
    first, second = actors
    first.begin(locking(one, other), halt_at=2)
    first.stand()
    second.begin(locking(other, one), halt_at=2)
    second.stand()
    assert advance(first, other=second, halt_at=END)
    advance(second, other=first, halt_at=END)
    answers = [actor.answer() for actor in actors]
    [victim] = [answer for answer in answers if isinstance(answer, OperationalError)]
    assert victim.args[0] == 1213
    assert "locked" in answers


def test_the_same_points_are_the_same_interleaving() -> None:
    """However often it is played: both come to the same points and end alike."""
    pair = Pair("succeeding", "reconcile", "webhook")
    with stage() as it:
        played = [it.play(pair, 4, 5) for _ in range(3)]
    assert played[0].answers == ("stale", "processed")
    assert played[0] == played[1] == played[2]
