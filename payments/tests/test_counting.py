"""Payments in the metrics: each event once, after its commit."""

import pytest
from pytest_django.fixtures import Settings

from config.api.principals import system
from config.kernel import db
from config.observability.tests.numbers import Change
from invoices.tests.factories import make_invoice
from payments.providers.base import Declined
from payments.services import locks, outcomes
from payments.tests.factories import make_payment
from tests.faults import deadlock_at, statements_counted

EVENTS = "quittance_payment_events_total"
RETRIES = "quittance_transaction_retries_total"
pytestmark = pytest.mark.django_db(transaction=True)


def decline(payment_id: str, code: str, *, fail: bool = False) -> None:
    @db.transaction(idempotent=False)
    def use_case() -> None:
        invoice, payment = locks.lock(payment_id)
        said = Declined(code=code, retryable=True)
        outcomes.apply_outcome(invoice=invoice, payment=payment, outcome=said, actor=system("test"))
        if fail:
            raise RuntimeError("no")

    use_case()


def test_an_event_is_counted_with_its_code() -> None:
    """By provider, and by failure code once it has failed."""
    change = Change(EVENTS)
    decline(make_payment().id, "stolen_card")
    assert change.seen() == {
        ("requested", "", "simulated"): 1,
        ("processing", "", "simulated"): 1,
        ("failed", "stolen_card", "simulated"): 1,
        ("retry_scheduled", "stolen_card", "simulated"): 1,
    }


@pytest.mark.parametrize(
    ("provider", "code", "label"),
    [
        ("simulated", "made_up_4711", "other"),
        ("simulated", "not_received", "other"),
        ("manual", "not_received", "not_received"),
        ("manual", "stolen_card", "other"),
    ],
)
def test_a_code_that_its_provider_does_not_declare_is_other(provider: str, code: str, label: str) -> None:
    """What providers and callers invent makes no new series."""
    payment = make_payment(provider=provider)
    change = Change(EVENTS)
    decline(payment.id, code)
    assert change.seen()["failed", label, provider] == 1


def test_a_payment_of_a_provider_that_is_gone_is_counted(settings: Settings) -> None:
    """It can still end; nobody knows its codes any more."""
    payment = make_payment()
    settings.PROVIDERS = {"manual": settings.PROVIDERS["manual"]}
    change = Change(EVENTS)
    decline(payment.id, "stolen_card")
    assert change.seen()["failed", "other", "simulated"] == 1


def test_what_is_rolled_back_is_not_counted() -> None:
    """An error after the event leaves neither."""
    payment = make_payment()
    change = Change(EVENTS)
    with pytest.raises(RuntimeError):
        decline(payment.id, "stolen_card", fail=True)
    assert change.seen() == {}


def test_a_transaction_run_again_counts_once_and_its_retries() -> None:
    """A deadlock at its last statement, and one as it runs again; one payment."""
    first, second = make_invoice(), make_invoice()
    with statements_counted() as statements:
        make_payment(invoice=first)
    events, retries = Change(EVENTS), Change(RETRIES)
    with deadlock_at(statements.seen, times=2):
        make_payment(invoice=second)
    assert events.seen() == {("requested", "", "simulated"): 1}
    assert retries.seen() == {("deadlock",): 2}
