"""The invoice machine, every pair."""

import itertools

import pytest

from config.kernel.errors import ForbiddenTransition
from invoices.models import Invoice
from invoices.states import InvoiceStatus
from outbox.states import advance

ALLOWED = {
    ("open", "process"): "processing",
    ("failed", "process"): "processing",
    ("processing", "reopen"): "open",
    ("processing", "fail"): "failed",
    ("open", "pay"): "paid",
    ("processing", "pay"): "paid",
    ("failed", "pay"): "paid",
    ("open", "void"): "void",
    ("failed", "void"): "void",
}
ACTIONS = ["process", "reopen", "fail", "pay", "void"]


@pytest.mark.parametrize(("status", "action"), list(itertools.product(InvoiceStatus.values, ACTIONS)))
def test_an_invoice_moves_only_as_the_table_says(status: str, action: str) -> None:
    """Every (state, transition) pair either reaches the table's target or is refused and changes nothing."""
    invoice = Invoice(status=status)
    target = ALLOWED.get((status, action))
    if target:
        advance(invoice, action)
        assert invoice.status == target
        return
    with pytest.raises(ForbiddenTransition, match=f"Cannot {action} invoice in {status} status"):
        advance(invoice, action)
    assert invoice.status == status


def test_a_status_cannot_be_assigned() -> None:
    """The field is protected: only transitions move it."""
    with pytest.raises(AttributeError):
        Invoice().status = "paid"


def test_the_table_above_names_every_transition_of_the_machine() -> None:
    """A transition added to the code has to be added here."""
    pairs = {
        (transition.source, transition.name)
        for transition in Invoice._meta.get_field("status").get_all_transitions(Invoice)
    }
    assert pairs == set(ALLOWED)
