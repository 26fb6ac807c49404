"""A reading of the books from its first line to its last: interrupted, repeated, rehearsed, two at once."""

import datetime
import time
from collections.abc import Callable
from functools import partial

import httpx
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.kernel import clock
from invoices.models import Journal
from payments import services, tasks
from payments.models import Difference, Payment, Receipt, SettlementLine, SettlementRun
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.in_process import InProcessTransport
from payments.providers.simulated.simulator.objects import NewCharge
from payments.services.settlement import differences
from payments.tests.factories import make_payment
from payments.tests.settlement.books import (
    DAY,
    assert_nothing_differs,
    charged_there,
    found,
    now,
    paid,
    reconcile,
    refund_of,
)
from payments.tests.simulator import simulated_with
from tests.concurrency.threads import all_at_once
from webhooks.inbound.tests.sending import send

pytestmark = pytest.mark.django_db(transaction=True)


class BreaksOff(InProcessTransport):
    """The provider's books, of which all but the first page cannot be read."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/transactions" and request.url.params["cursor"] != "0":
            raise httpx.ConnectError("the provider is down", request=request)
        return super().handle_request(request)


def with_payouts(core: SimulatorCore, number: int) -> None:
    """That many lines, which are cheap."""
    core.charge(NewCharge(10_000, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time())
    for _ in range(number):
        core.pay_out(currency="EUR", amount=1, now=time.time())


def test_an_interrupted_run_says_so_and_goes_on(core: SimulatorCore) -> None:
    """What was read before is kept and booked once; the same window finds the same run."""
    with_payouts(core, 150)
    since, until = now() - DAY, now() + DAY
    go = partial(services.reconcile_settlement, provider="simulated", since=since, until=until)
    with (
        simulated_with(transport=BreaksOff(core, now=time.time)),
        pytest.raises(services.SettlementInterrupted, match="the provider is down"),
    ):
        go()
    interrupted = SettlementRun.objects.get()
    assert (interrupted.finished_at, SettlementLine.objects.count()) == (None, 100)
    assert interrupted.read_until
    assert "the provider is down" in interrupted.problem
    report = go()
    assert (report.run_id, report.booked) == (interrupted.id, 51)
    assert SettlementLine.objects.count() == Journal.objects.filter(kind="payout").count() + 1 == 151
    assert SettlementRun.objects.get().finished_at
    assert go().run_id != interrupted.id


def test_only_the_lines_after_an_interruption_are_read_again(core: SimulatorCore) -> None:
    """A minute more, for books are not always in the order of their instants."""
    core.charge(NewCharge(10_000, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time() - 7200)
    for hours_ago in (1.5, 1):
        core.pay_out(currency="EUR", amount=1, now=time.time() - 3600 * hours_ago)
    since, until = now() - DAY, now()
    run = SettlementRun(provider="simulated", provider_account="acct_simulated", since=since, until=until)
    run.started_at, run.read_until = now(), now() - datetime.timedelta(hours=1.25)
    run.save()
    report = services.reconcile_settlement(provider="simulated", since=since, until=until)
    assert (report.run_id, report.lines) == (run.id, 1)


def test_a_rehearsal_writes_nothing_at_all(core: SimulatorCore) -> None:
    """It reads, asks the provider, and tells what would be done."""
    core.dials = core.dials.changed({"fee_fixed": 30})
    refunded = paid()
    charged_there(core, make_payment())
    core.refund_at_dashboard(refunded.provider_reference, amount=100, now=time.time())
    core.charge(NewCharge(500, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time())
    lost = paid()
    core._store.execute("DELETE FROM transactions WHERE charge = :charge", charge=lost.provider_reference)
    core._store.execute("UPDATE charges SET status = 'canceled' WHERE id = :id", id=lost.provider_reference)
    with CaptureQueriesContext(connection) as captured:
        report, told = reconcile(dry_run=True)
    assert {query["sql"].split()[0] for query in captured} == {"SELECT"}
    assert (report.run_id, report.booked, report.mended, report.left) == ("", 3, 2, 2)
    assert [difference.mend for difference in told] == ["book_capture", "adopt_refund", "", ""]
    assert {difference.resolved_at for difference in told} == {None}
    assert told[-1].kind == "missing_there"
    really, _ = reconcile()
    assert (really.booked, really.mended, really.left) == (3, 2, 2)


def test_what_does_not_differ_costs_a_few_statements_a_page(core: SimulatorCore) -> None:
    """However many lines: rows are read a batch at a time."""
    with_payouts(core, 40)
    reconcile()
    with CaptureQueriesContext(connection) as few:
        reconcile()
    with_payouts(core, 40)
    reconcile()
    with CaptureQueriesContext(connection) as many:
        reconcile()
    assert len(many) - len(few) <= 3


def test_a_difference_that_raises_does_not_stand_in_the_way(core: SimulatorCore) -> None:
    """It is left to staff with what was raised, and the next one is mended."""
    charged_there(core, make_payment())
    charged_there(core, make_payment())
    first = Payment.objects.order_by("id")[0]
    Payment.objects.filter(id=first.id).update(status="canceled", live_invoice=None)
    report, [left, mended] = reconcile()
    assert (report.mended, report.left) == (1, 1)
    assert left.our_id == first.id
    assert left.detail.startswith("It could not be mended: ")
    assert mended.resolved_at
    Payment.objects.filter(id=first.id).update(status="created", live_invoice=first.invoice_id)
    assert found().resolved_at


def test_the_task_reads_the_recent_books_of_every_provider_that_has_some(core: SimulatorCore) -> None:
    """Three days up to an hour ago, whole hours; what came since is for the next day."""
    charge = NewCharge(500, "EUR", "tok_visa", "pay_of_another_shop")
    core.charge(charge, key="new", now=time.time())
    assert tasks.reconcile_settlement() == 0
    core.charge(charge, key="old", now=time.time() - 2.5 * 3600)
    assert tasks.reconcile_settlement() == 1
    run = SettlementRun.objects.latest("id")
    assert run.until - run.since == datetime.timedelta(seconds=settings.SETTLEMENT_WINDOW_SECONDS)
    assert datetime.timedelta(hours=1) <= now() - run.until < datetime.timedelta(hours=2)


def test_the_task_reads_from_where_it_last_came_to_the_end(core: SimulatorCore) -> None:
    """After an outage longer than the usual window, nothing in between stays unread."""
    tasks.reconcile_settlement()
    long_ago = SettlementRun.objects.get()
    SettlementRun.objects.update(since=long_ago.since - 9 * DAY, until=long_ago.until - 9 * DAY)
    core.charge(NewCharge(500, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time() - 8 * 86_400)
    assert tasks.reconcile_settlement() == 1
    assert SettlementRun.objects.latest("id").since == long_ago.until - 9 * DAY


def test_a_run_resolves_nothing_that_a_later_one_has_found(core: SimulatorCore) -> None:
    """Two overlap: what the later one found, the earlier one has not looked for since."""
    core.charge(NewCharge(500, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time())
    difference = found()
    earlier = SettlementRun.objects.get()
    later = SettlementRun.objects.create(
        provider=earlier.provider,
        provider_account=earlier.provider_account,
        since=earlier.since,
        until=earlier.until,
        started_at=clock.now(),
    )
    Difference.objects.update(run=later)
    assert differences.resolve(earlier) == 0
    assert Difference.objects.get(id=difference.id).resolved_at is None


def test_a_provider_that_cannot_be_read_waits_for_the_next_time(core: SimulatorCore) -> None:
    """The run is kept, the task ends as usual."""
    core._store.execute("DROP TABLE transactions")
    with simulated_with(transport=httpx.MockTransport(lambda _: httpx.Response(503))):
        assert tasks.reconcile_settlement() == 0
    assert SettlementRun.objects.get().finished_at is None


def test_there_must_be_books_and_a_window() -> None:
    """A person settles manual payments."""
    until = now()
    with pytest.raises(services.NoBooks):
        services.reconcile_settlement(provider="manual", since=until - DAY, until=until)
    with pytest.raises(services.WindowInvalid):
        services.reconcile_settlement(provider="simulated", since=until, until=until)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection")
@pytest.mark.parametrize("rounds", [6, pytest.param(150, marks=pytest.mark.long)])
def test_scar_killbill_338_reconciliation_beside_a_webhook_and_a_sweep_books_once(
    core: SimulatorCore, rounds: int
) -> None:
    """All take the same locks: one receipt, one settled refund, whoever comes first."""
    for _ in range(rounds):
        payment = paid("tok_timeout_after")
        Payment.objects.filter(id=payment.id).update(available_at=clock.now())
        calls: list[Callable[[], object]] = [reconcile, services.sweep, partial(deliver, core)]
        all_at_once(calls)
        assert Receipt.objects.get(payment=payment).status == "applied"
        core.refund_at_dashboard(payment.id, amount=100, now=time.time())
        again: list[Callable[[], object]] = [reconcile, reconcile, partial(deliver, core)]
        all_at_once(again)
        assert [refund.status for refund in payment.refunds.all()] == ["succeeded"]
    assert not Difference.objects.filter(resolved_at=None).exists()
    assert_nothing_differs()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="an in-memory database is one connection")
def test_two_readings_at_once_book_fees_once(core: SimulatorCore) -> None:
    """By another window too."""
    core.dials = core.dials.changed({"fee_fixed": 30})
    for _ in range(5):
        refund_of(paid(), 100)
        core.charge(NewCharge(1, "EUR", "tok_visa", "pay_of_another_shop"), key=str(time.time()), now=time.time())
        reports = all_at_once([reconcile] * 4)
        assert sum(report.booked for report, _ in reports) == 2
    assert Journal.objects.filter(kind="fee").count() == SettlementLine.objects.filter(kind="fee").count() == 10
    assert Difference.objects.count() == 5


def deliver(core: SimulatorCore) -> None:
    """Send what the simulator has to tell."""
    while webhook := core.webhooks.take_due(now=time.time()):
        response = send(webhook.body)
        core.webhooks.record(webhook, status_code=response.status_code, now=time.time())
