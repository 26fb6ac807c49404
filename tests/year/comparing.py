"""What was played beside what the rules say, subscription by subscription, invoice by invoice, line by line."""

from collections.abc import Iterator
from typing import NamedTuple

from billing.models import Subscription
from invoices import services as invoices
from invoices.models import Invoice, InvoiceLine
from tests.year.calendars import micros, moment
from tests.year.expected import Customer
from tests.year.lives import Bill, Life, Line
from tests.year.playing import Played
from tests.year.scripts import METERED

STATUSES = {"paid": "paid", "void": "void"}


class End(NamedTuple):
    """How a subscription stands in the end."""

    status: str
    plan: str
    period: int
    starts_at: int
    ends_at: int


def differences(customers: list[Customer], played: Played, *, currencies: tuple[str, ...]) -> Iterator[str]:
    """One line for each."""
    for number, customer in enumerate(customers):
        row = played.customers[number]
        if customer.told != played.told[number]:
            yield f"customer {number} was told {played.told[number]}, not {customer.told}"
        for currency in currencies:
            balance = invoices.credit_balance(customer=row, currency=currency)
            if balance != customer.credit[currency]:
                yield f"customer {number} has {balance} {currency} in credit, not {customer.credit[currency]}"
        found = list(Subscription.objects.filter(customer=row).select_related("plan_version__plan").order_by("id"))
        if len(found) != len(customer.lives):
            yield f"customer {number} has {len(found)} subscriptions, not {len(customer.lives)}"
        for subscription, life in zip(found, customer.lives, strict=False):
            for difference in _of_one(subscription, life):
                yield f"customer {number}, {life.zone}, {life.family}: {difference}"


def _of_one(subscription: Subscription, life: Life) -> Iterator[str]:
    ended, expected_end = _end(subscription), _expected_end(life)
    if ended != expected_end:
        yield f"it ended {ended}, not {expected_end}"
    caused = Invoice.objects.filter(subscription_invoice__subscription=subscription).order_by("id")
    bills = [_bill(each) for each in caused.select_related("subscription_invoice")]
    if len(bills) != len(life.bills):
        yield f"{len(bills)} invoices, not {len(life.bills)}"
    for place, (bill, expected) in enumerate(zip(bills, life.bills, strict=False)):
        if bill != expected:
            yield f"invoice {place}: {said(bill)} not {said(expected)}"


def said(bill: Bill) -> str:
    """For people."""
    lines = [
        f"\n    {line.kind} {line.amount} {_times(line.starts_at, line.ends_at)}"
        + (f" of {line.takes_back[0]} {_times(*line.takes_back[1:])}" if line.takes_back else "")
        for line in bill.lines
    ]
    return f"{bill.status} {bill.amount} ({bill.credited} by credit), period {bill.period}{''.join(lines)}\n"


def _times(*times: int | None) -> str:
    return " to ".join(str(moment(at)) for at in times if at is not None)


def _end(subscription: Subscription) -> End:
    return End(
        subscription.status,
        subscription.plan_version.plan.name,
        subscription.period,
        micros(subscription.period_starts_at),
        micros(subscription.period_ends_at),
    )


def _expected_end(life: Life) -> End:
    status = "past_due" if life.status == "active" and life.unpaid else life.status
    return End(status, life.price.offer, life.period, life.starts_at, life.ends_at)


def _bill(invoice: Invoice) -> Bill:
    lines = [_line(each) for each in invoice.lines.select_related("reverses")]
    return Bill(
        period=invoice.subscription_invoice.period,
        lines=tuple(sorted(lines, key=repr)),
        amount=invoice.amount,
        credited=invoice.amount_credited,
        status=STATUSES.get(invoice.status, "owed"),
    )


def _line(line: InvoiceLine) -> Line:
    starts_at, ends_at = (micros(at) if at else None for at in (line.starts_at, line.ends_at))
    if line.reverses is not None:
        back = line.reverses
        assert back.starts_at is not None, back.id
        assert back.ends_at is not None, back.id
        takes_back = (back.amount, micros(back.starts_at), micros(back.ends_at))
        return Line("credit", line.amount, starts_at, ends_at, takes_back)
    if line.description.startswith(f"{METERED}: "):
        return Line("overage", line.amount, starts_at, ends_at)
    return Line("plan" if starts_at else "carried", line.amount, starts_at, ends_at)
