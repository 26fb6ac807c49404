"""What must hold after every step, and at the end: design §13, by the checks that `manage.py verify_books` runs."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator

from django.db import connection

from billing.models import Plan, Subscription, UsageRecord
from config.kernel import ids
from config.verification import dossiers, subscriptions
from config.verification.snapshot import Snapshot
from config.verification.verifying import CHECKS, judged, verify
from config.verification.violations import Report, Violation
from invoices.ledger import accounts
from invoices.ledger import services as ledger
from invoices.models import CreditEntry, Customer, Invoice
from outbox.models import ArchivedEvent, LoggedEvent, OutboxEvent
from payments.models import Difference, Payment, PaymentMethod, Receipt, Refund
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.states import AWAITED, REFUND_LIVE, PaymentStatus
from tests.invariants import check_books
from tests.simulation import subscription_promises
from tests.simulation.world import World
from webhooks.inbound.models import ProviderEvent

AT_ANY_TIME = frozenset(CHECKS) - {"inbox_age", "append_only", "card_numbers", "positions"}
KEYED = (Customer, CreditEntry, Invoice, Payment, PaymentMethod, Plan, Refund, Subscription, UsageRecord)
"""What clients make under keys."""
JUDGED: dict[str, Callable[[Snapshot, str, str], Iterator[Violation]]] = {
    "inv": lambda snapshot, after, last: judged(dossiers.read(snapshot, after, last)),
    "sub": subscriptions.judged,
    "usg": subscriptions.counters,
}
"""What of verify_books is about one aggregate, by the prefix of its ids."""


class Watch:
    """Looks at what has changed since it looked last: each change of money has its event."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen = 0
        self._uses: set[str] = set()

    def look(self) -> Iterator[str]:
        """Requires that nothing is under way."""
        yield from self._world.violations
        yield from charged_twice(self._world.core)
        touched = self._touched()
        if touched["inv"]:
            yield from booked_twice()
        report = Report(AT_ANY_TIME, limit=5)
        for kind, judge in JUDGED.items():
            for id in touched[kind]:
                number = ids.to_number(kind, id)
                report.add(judge(Snapshot(connection), f"{number - 1:032x}", f"{number:032x}"))
        yield from map(str, report.violations)
        if self._world.weather.has_subscribers:
            for id in sorted(touched["sub"]):
                yield from subscription_promises.of_subscription(id)
            yield from subscription_promises.of_uses(self._uses)
            yield from subscription_promises.unlike_their_invoices()

    def _touched(self) -> dict[str, set[str]]:
        """Ids of what has new events, by their prefixes."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT MAX(rowid) FROM outbox_outboxevent")
            [(latest,)] = cursor.fetchall()
            cursor.execute(
                "SELECT DISTINCT aggregate_id FROM outbox_outboxevent WHERE rowid > %s",
                [self._seen],
            )
            self._seen = latest or 0
            touched: dict[str, set[str]] = collections.defaultdict(set)
            for [id] in cursor.fetchall():
                touched[id.partition("_")[0]].add(id)
            return touched


def reached() -> collections.Counter[str]:
    """How often anything has come to which state."""
    return collections.Counter(event.type for event in log())


def log() -> list[LoggedEvent]:
    """All events, archived ones too, each aggregate's in order."""
    everything: list[LoggedEvent] = [*OutboxEvent.objects.all(), *ArchivedEvent.objects.all()]
    return sorted(everything, key=lambda event: event.sequence)


def charged_twice(core: SimulatorCore) -> Iterator[str]:
    """A payment has one charge at the provider at most, a refund of ours one refund."""
    for reference, count in core.charges_per_reference().items():
        if count["charges"] > 1:
            yield f"{reference} was charged {count['charges']} times"
    for reference, times in collections.Counter(refund.reference for refund in core.refunds()).items():
        if reference and times > 1:
            yield f"{reference} was refunded {times} times"


def booked_twice() -> Iterator[str]:
    """Each captured cent has one receipt."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT provider_reference, COUNT(*) FROM payments_receipt"
            " GROUP BY provider, provider_account, provider_reference HAVING COUNT(*) > 1"
        )
        for reference, count in cursor.fetchall():
            yield f"{reference} has {count} receipts"


def without_its_books(core: SimulatorCore) -> Iterator[str]:
    """What webhooks and questions have to bring about, before the provider's books are compared with ours."""
    yield from still_going()
    yield from subscription_promises.left_undone()
    booked = set(Receipt.objects.values_list("provider_reference", flat=True))
    sent = {payment.pk: payment for payment in Payment.objects.all()}
    for charge in core.charges():
        if charge.status == "succeeded" and charge.id not in booked:
            yield f"{charge.id} of {sent.get(charge.reference)!r} is booked by its webhook or when we ask, and was not"


def at_the_end(world: World) -> Iterator[str]:
    """Of a world in which nothing is left to do."""
    yield from world.violations
    yield from still_under_way(world.core)
    report = Report(frozenset(CHECKS), limit=5)
    verify(Snapshot(connection), report, lambda *_: None)
    yield from map(str, report.violations)
    yield from unbalanced()
    yield from charged_twice(world.core)
    yield from booked_twice()
    yield from unlike_the_provider(world.core)
    yield from unlike_the_clients(world)
    yield from badly_delivered(world)
    yield from subscription_promises.unlike_their_invoices()
    yield from subscription_promises.kept_in_the_end()


def unbalanced() -> Iterator[str]:
    """The accounts hold what invoices, receipts and disputes say."""
    try:
        check_books()
    except AssertionError as error:
        yield f"the books do not hold what the rows say: {error}"


def still_under_way(core: SimulatorCore) -> Iterator[str]:
    """With nothing going wrong any more everything ends, and a person is asked only what nobody else can tell."""
    yield from still_going()
    for payment in Payment.objects.filter(status=PaymentStatus.REVIEW):
        is_known = any(charge.status != "pending" for charge in core.charges(reference=payment.id))
        if is_known and not payment.payment_method.startswith("tok_wrong"):
            yield f"{payment.id} is in review, and the provider knows how it ended: {payment.failure_message}"
    for event in ProviderEvent.objects.filter(status__in=["received", "parked", "dead"]):
        yield f"{event.type} {event.event_id} is {event.status}: {event.error}"


def still_going() -> Iterator[str]:
    """Payments and refunds that nobody knows the end of."""
    for payment in Payment.objects.filter(status__in=AWAITED):
        yield f"{payment.id} is still {payment.status}"
    for refund in Refund.objects.filter(status__in=REFUND_LIVE):
        yield f"{refund.id} is still {refund.status}"


def unlike_the_provider(core: SimulatorCore) -> Iterator[str]:
    """What it has captured we have booked, and what it holds for us is what our clearing account says."""
    booked = dict(Receipt.objects.filter(returned_refund=None).values_list("provider_reference", "amount"))
    for charge in core.charges():
        if charge.status == "succeeded" and booked.get(charge.id) != charge.amount:
            yield f"{charge.id} captured {charge.amount}, booked is {booked.get(charge.id)}"
    balances = collections.Counter(ledger.balances())
    captured = {charge.reference for charge in core.charges() if charge.status == "succeeded"}
    reviewed = {event.data["payment"] for event in log() if event.type == "payment.review_required"}
    for payment in Payment.objects.filter(status__in=["failed", "canceled"], id__in=captured):
        if payment.id not in reviewed:
            yield f"{payment.id} is {payment.status}, and its charge has succeeded"
    for currency in sorted({charge.currency for charge in core.charges()}):
        ours, theirs = balances[accounts.clearing("simulated"), currency], core.balance(currency)
        if ours != theirs:
            yield f"clearing holds {ours} {currency}, the provider {theirs}"
    for difference in Difference.objects.filter(resolved_at=None):
        yield f"settlement: {difference}: {difference.detail}"


def unlike_the_clients(world: World) -> Iterator[str]:
    """What a client was told has been made is there, and so is the money that it told us of."""
    for reference in world.transfers - set(Receipt.objects.values_list("provider_reference", flat=True)):
        yield f"the transfer {reference} has no receipt"
    told = {request.id: request.path for request in world.requests if request.id}
    keys: dict[str, str | None] = {}
    for model in KEYED:
        keys |= model.objects.values_list("pk", "idempotency_key_digest")
    for id in told.keys() - keys.keys():
        yield f"{id} was made for {told[id]}, and is not there"
    for id, key in keys.items():
        if key and id not in told:
            yield f"{id} was made under a key, and its client does not know of it"


def badly_delivered(world: World) -> Iterator[str]:
    """Every event had its effect once, and arrived for the first time in its aggregate's order."""
    recorded: dict[str, list[int]] = collections.defaultdict(list)
    for event in log():
        recorded[event.aggregate_id].append(event.sequence)
    arrived = world.far_end.first_arrivals()
    for aggregate, sequences in recorded.items():
        if arrived.get(aggregate) != sequences:
            yield f"of {aggregate} arrived {arrived.get(aggregate)}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT event FROM simulation_effect")
        effects = collections.Counter(row[0] for row in cursor.fetchall())
    for event in log():
        if effects[event.id] != 1:
            yield f"{event.type} {event.id} had {effects[event.id]} effects"
