"""The machines of payments, receipts, refunds and disputes, every pair."""

import pytest

from config.kernel.errors import ForbiddenTransition
from outbox.states import advance
from payments.models import Dispute, Payment, Receipt, Refund

PAYMENT = {
    ("created", "process"): "processing",
    ("unknown", "process"): "processing",
    ("processing", "lose"): "unknown",
    ("processing", "succeed"): "succeeded",
    ("unknown", "succeed"): "succeeded",
    ("review", "succeed"): "succeeded",
    ("processing", "fail"): "failed",
    ("unknown", "fail"): "failed",
    ("review", "fail"): "failed",
    ("created", "cancel"): "canceled",
    ("processing", "cancel"): "canceled",
    ("unknown", "cancel"): "canceled",
    ("created", "review"): "review",
    ("processing", "review"): "review",
    ("unknown", "review"): "review",
    ("succeeded", "refund"): "refunded",
}
RECEIPT = {
    ("unapplied", "apply"): "applied",
    ("unapplied", "give_back"): "refunding",
    ("refunding", "finish_refund"): "refunded",
    ("refunding", "fail_refund"): "unapplied",
}
REFUND = {
    ("created", "process"): "processing",
    ("unknown", "process"): "processing",
    ("processing", "lose"): "unknown",
    ("processing", "succeed"): "succeeded",
    ("unknown", "succeed"): "succeeded",
    ("processing", "fail"): "failed",
    ("unknown", "fail"): "failed",
}
DISPUTE = {("open", "win"): "won", ("open", "lose"): "lost"}
Machine = Payment | Receipt | Refund | Dispute
MACHINES: list[tuple[type[Machine], dict[tuple[str, str], str]]] = [
    (Payment, PAYMENT),
    (Receipt, RECEIPT),
    (Refund, REFUND),
    (Dispute, DISPUTE),
]
PAIRS = [
    pytest.param(model, table, status, action, id=f"{model.__name__}-{status}-{action}")
    for model, table in MACHINES
    for status, _ in model._meta.get_field("status").choices or ()
    for action in sorted({action for _, action in table})
]


@pytest.mark.parametrize(("model", "table", "status", "action"), PAIRS)
def test_it_moves_only_as_the_table_says(
    model: type[Machine], table: dict[tuple[str, str], str], status: str, action: str
) -> None:
    """Every (state, transition) pair either reaches the table's target or is refused and changes nothing."""
    row = model(status=status)
    target = table.get((status, action))
    if target:
        advance(row, action)
        assert row.status == target
        return
    with pytest.raises(ForbiddenTransition, match=f"Cannot {action} .* in {status} status"):
        advance(row, action)
    assert row.status == status


@pytest.mark.parametrize(("model", "table"), MACHINES)
def test_the_tables_above_name_every_transition(model: type[Machine], table: dict[tuple[str, str], str]) -> None:
    """A transition added to the code has to be added here."""
    field = model._meta.get_field("status")
    assert {(transition.source, transition.name) for transition in field.get_all_transitions(model)} == set(table)


@pytest.mark.parametrize("model", [model for model, _ in MACHINES])
def test_a_status_cannot_be_assigned(model: type[Machine]) -> None:
    """The fields are protected: only transitions move them."""
    with pytest.raises(AttributeError):
        model().status = "succeeded"
