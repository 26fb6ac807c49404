"""The machines of payments and receipts, every pair."""

import itertools

import pytest

from config.kernel.errors import ForbiddenTransition
from outbox.states import advance
from payments.models import Payment, Receipt
from payments.states import PaymentStatus, ReceiptStatus

PAYMENT = {
    ("created", "process"): "processing",
    ("unknown", "process"): "processing",
    ("processing", "lose"): "unknown",
    ("processing", "succeed"): "succeeded",
    ("unknown", "succeed"): "succeeded",
    ("processing", "fail"): "failed",
    ("unknown", "fail"): "failed",
    ("created", "cancel"): "canceled",
    ("processing", "cancel"): "canceled",
    ("unknown", "cancel"): "canceled",
    ("created", "review"): "review",
    ("processing", "review"): "review",
    ("unknown", "review"): "review",
}
RECEIPT = {("unapplied", "apply"): "applied"}
ACTIONS = ["process", "lose", "succeed", "fail", "cancel", "review"]


def _check(row: Payment | Receipt, table: dict[tuple[str, str], str], action: str) -> None:
    status = row.status
    target = table.get((status, action))
    if target:
        advance(row, action)
        assert row.status == target
        return
    with pytest.raises(ForbiddenTransition, match=f"Cannot {action} .* in {status} status"):
        advance(row, action)
    assert row.status == status


@pytest.mark.parametrize(("status", "action"), list(itertools.product(PaymentStatus.values, ACTIONS)))
def test_a_payment_moves_only_as_the_table_says(status: str, action: str) -> None:
    """Every (state, transition) pair either reaches the table's target or is refused and changes nothing."""
    _check(Payment(status=status), PAYMENT, action)


@pytest.mark.parametrize("status", ReceiptStatus.values)
def test_a_receipt_moves_only_as_the_table_says(status: str) -> None:
    """An applied receipt stays applied."""
    _check(Receipt(status=status), RECEIPT, "apply")


@pytest.mark.parametrize(("model", "table"), [(Payment, PAYMENT), (Receipt, RECEIPT)])
def test_the_tables_above_name_every_transition(
    model: type[Payment] | type[Receipt], table: dict[tuple[str, str], str]
) -> None:
    """A transition added to the code has to be added here."""
    field = model._meta.get_field("status")
    assert {(transition.source, transition.name) for transition in field.get_all_transitions(model)} == set(table)


def test_a_status_cannot_be_assigned() -> None:
    """The fields are protected: only transitions move them."""
    with pytest.raises(AttributeError):
        Payment().status = "succeeded"
    with pytest.raises(AttributeError):
        Receipt().status = "applied"
