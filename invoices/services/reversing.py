"""Lines that take others back: what is left of a line to be taken back, all read under the customer's lock."""

from collections import Counter
from collections.abc import Sequence

from django.db.models import Sum

from config.kernel.errors import Conflict
from invoices.models import Customer, Invoice, InvoiceLine
from invoices.services.lines import Line
from invoices.states import InvoiceStatus


class LineNotReversible(Conflict):
    """Line {line_id} cannot be taken back: it is not on an invoice of {customer_id} in {currency} that is not void, or
    takes another one back itself.
    """

    code = "line_not_reversible"


class ReversesTooMuch(Conflict):
    """Of line {line_id} there is {amount} left to take back, {tax_amount} of it tax (minor units)."""

    code = "reverses_too_much"


class LinesReversed(Conflict):
    """Invoice {id} cannot be voided: {by} takes back what it charges. Void that one first."""

    code = "lines_reversed"


def check(*, customer: Customer, currency: str, lines: Sequence[Line]) -> None:
    """Requires the customer's lock. Raises LineNotReversible, ReversesTooMuch."""
    amounts: Counter[str] = Counter()
    taxes: Counter[str] = Counter()
    for line in lines:
        if line.reverses is not None:
            amounts[line.reverses] -= line.amount
            taxes[line.reverses] -= line.tax_amount
    if not amounts:
        return
    left = _left(customer, currency, list(amounts))
    for line_id, amount in amounts.items():
        if line_id not in left:
            raise LineNotReversible(line_id=line_id, customer_id=customer.id, currency=currency)
        left_amount, left_tax = left[line_id]
        net, left_net = amount - taxes[line_id], left_amount - left_tax
        if net > left_net or taxes[line_id] > left_tax:
            raise ReversesTooMuch(line_id=line_id, amount=left_amount, tax_amount=left_tax)


def refuse_if_reversed(invoice: Invoice) -> None:
    """Requires the customer's lock. Raises LinesReversed."""
    # Not in one statement: MariaDB, which takes the many lines that reverse none for one group, would read them all.
    line_ids = list(InvoiceLine.objects.filter(invoice=invoice).values_list("pk", flat=True))
    reversals = InvoiceLine.objects.filter(reverses__in=line_ids).exclude(invoice__status=InvoiceStatus.VOID)
    by = reversals.values_list("invoice_id", flat=True).order_by("pk").first()
    if by is not None:
        raise LinesReversed(id=invoice.id, by=by)


def _left(customer: Customer, currency: str, line_ids: list[str]) -> dict[str, tuple[int, int]]:
    """By line: the amount and the tax that nobody has taken back."""
    of_customer = InvoiceLine.objects.filter(invoice__customer=customer, invoice__currency=currency)
    standing = of_customer.exclude(invoice__status=InvoiceStatus.VOID)
    charged = standing.filter(pk__in=line_ids, reverses=None).values_list("pk", "amount", "tax_amount")
    taken = standing.filter(reverses__in=line_ids).order_by().values_list("reverses")
    gone = {line_id: sums for line_id, *sums in taken.annotate(Sum("amount"), Sum("tax_amount"))}
    left = {}
    for line_id, amount, tax_amount in charged:
        gone_amount, gone_tax = gone.get(line_id, (0, 0))
        left[line_id] = amount + gone_amount, tax_amount + gone_tax
    return left
