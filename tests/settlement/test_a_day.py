"""A day with every token and every dial, then its settlement: what the script planted is found, and nothing else."""

import contextlib
import time
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from invoices.ledger import accounts
from invoices.ledger import services as ledger
from payments import services
from payments.models import Difference, Payment, Receipt
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.objects import NewCharge, Transaction
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.simulator import simulated_with
from tests.invariants import check_invariants
from tests.settlement.day import CURRENCIES, Day, receipt_of, reconcile

pytestmark = pytest.mark.django_db(transaction=True)

Found = set[tuple[str, str, str]]


@pytest.fixture
def day(live_server: LiveServer) -> Iterator[Day]:
    configured = settings.PROVIDERS["simulated"]
    with (
        SimulatorServer(
            account=configured["account"],
            webhook_secret=configured["webhook_secrets"][0],
            webhook_url=f"{live_server.url}/webhooks/payment-provider",
            seed=20261121,
        ) as simulator,
        simulated_with(base_url=simulator.url, timeout_seconds=0.4),
    ):
        yield Day(simulator)
        assert all(count["charges"] == 1 for count in simulator.core.charges_per_reference().values())


@pytest.mark.parametrize("copies", [1, pytest.param(8, marks=pytest.mark.long)])
def test_only_what_was_planted_differs_and_each_is_found_and_mended_or_listed(day: Day, copies: int) -> None:
    """Lost answers, and webhooks lost, repeated and mixed, of payments, retries, refunds and disputes."""
    day.pay(copies)
    day.refund()
    day.act_at_the_provider()
    report, told = reconcile()
    assert [str(difference) for difference in told] == []
    assert report.booked == len([line for line in lines(day) if line.kind in ("fee", "payout")]) > 20 * copies
    assert_balances_agree(day)
    check_invariants()

    mendable = plant_what_can_be_mended(day)
    with planted_for_staff(day) as for_staff:
        report, told = reconcile()
        assert (identities(told, mended=True), identities(told, mended=False)) == (mendable, for_staff)
        assert (report.mended, report.left) == (len(mendable), len(for_staff))
        _, told = reconcile()
        assert (identities(told, mended=True), identities(told, mended=False)) == (set(), for_staff)
    report, [left] = reconcile()
    assert (report.resolved, left.our_id, left.subject) == (3, "", "charge")
    day.dial(drop=0)
    day.work()
    assert_balances_agree(day, unknown_here=500)
    check_invariants()
    assert Difference.objects.filter(resolved_at=None).count() == 1


def plant_what_can_be_mended(day: Day) -> Found:
    """The provider acts, and not a word of it reaches us."""
    day.dial(drop=1, timeout_before=0, timeout_after=0)
    core, now = day.core, time.time()
    [charged] = day.ask_for(["tok_timeout_after"])
    services.submit(payment_id=charged.id)
    payments = iter(day.untouched())
    at_dashboard = core.refund_at_dashboard(next(payments).id, amount=10, now=now)
    opened = core.open_dispute(next(payments).id, amount=10, now=now)
    won = core.open_dispute(next(payments).id, amount=10, now=now)
    core.close_dispute(won.id, outcome="won", now=now)
    returned = day.request_refund(next(payments), 10)
    services.submit_refund(refund_id=returned.id)
    returned.refresh_from_db(fields=["provider_reference"])
    core.settle_refund(str(returned.provider_reference), failure_code="account_closed", now=now)
    day.dial(timeout_after=1)
    unheard = day.request_refund(next(payments), 10)
    services.submit_refund(refund_id=unheard.id)
    day.dial(timeout_after=0)
    return {
        ("missing_here", "charge", core.charges(reference=charged.id)[0].id),
        ("missing_here", "refund", at_dashboard.id),
        ("missing_here", "dispute", opened.id),
        ("missing_here", "dispute", won.id),
        ("status", "dispute", won.id),
        ("missing_here", "refund", str(returned.provider_reference)),
        ("status", "refund", core.refunds(reference=unheard.id)[0].id),
    }


@contextlib.contextmanager
def planted_for_staff(day: Day) -> Iterator[Found]:
    """Somebody else's charge, and what hands in a database have done, which is taken back at the end."""
    core, untouched = day.core, day.untouched()
    alien = core.charge(NewCharge(500, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time())
    changed, gone = untouched[-1], untouched[-2].provider_reference
    [fee, *_] = [line for line in lines(day) if line.kind == "fee"]
    overwrite_amount(changed, changed.amount + 1)
    there(core, "UPDATE transactions SET created_at = created_at + 1e8 WHERE kind = 'charge' AND charge = :id", gone)
    there(core, "UPDATE charges SET status = 'failed' WHERE id = :id", gone)
    there(core, "UPDATE transactions SET amount = amount - 1 WHERE reference = :id", fee.reference)
    yield {
        ("missing_here", "charge", alien.id),
        ("amount", "charge", changed.provider_reference),
        ("missing_there", "charge", gone),
        ("amount", "fee", fee.reference),
    }
    overwrite_amount(changed, changed.amount)
    there(core, "UPDATE transactions SET created_at = created_at - 1e8 WHERE kind = 'charge' AND charge = :id", gone)
    there(core, "UPDATE charges SET status = 'succeeded' WHERE id = :id", gone)
    there(core, "UPDATE transactions SET amount = amount + 1 WHERE reference = :id", fee.reference)


def there(core: SimulatorCore, statement: str, id: str) -> None:
    core._store.execute(statement, id=id)


def overwrite_amount(payment: Payment, amount: int) -> None:
    """By SQL, as no service would."""
    receipt = receipt_of(payment)
    key = Receipt._meta.get_field("id").get_db_prep_value(receipt.id, connection)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_receipt SET amount = %s WHERE id = %s", [amount, key])


def lines(day: Day) -> list[Transaction]:
    return day.core.transactions(since=0, until=time.time() + 1, limit=100_000)


def identities(told: list[Difference], *, mended: bool) -> Found:
    return {
        (difference.kind, difference.subject, difference.provider_reference)
        for difference in told
        if bool(difference.resolved_at) == mended
    }


def assert_balances_agree(day: Day, *, unknown_here: int = 0) -> None:
    """What our clearing account holds is what the provider holds for us, in every currency."""
    ours = ledger.balances()
    for currency in CURRENCIES:
        booked = ours[accounts.clearing("simulated"), currency] + (unknown_here if currency == "EUR" else 0)
        assert booked == day.core.balance(currency), currency
