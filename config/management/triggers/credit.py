"""What makes the events of a customer's credit happen: one recipe, as in `recipes`, for all of them."""

from typing import Any

from config.management.triggers.world import NAME, World
from invoices import services as invoices


def use_credit(world: World) -> str:
    """A new customer gets credit, which pays a part of an invoice that is voided, and is revoked."""
    customer = world.customer()
    credit: dict[str, Any] = {"customer_id": customer, "amount": world.amount, "currency": world.currency}
    credit |= {"actor": world.actor, "reason": NAME, "key": None}
    invoices.grant_credit(**credit)
    lines = [invoices.Line(unit_amount=world.amount + 1, description=NAME)]
    new = invoices.NewInvoice(lines=lines, currency=world.currency, customer_id=customer)
    invoice = invoices.create_invoice(actor=world.actor, new=new, key=None).row
    invoices.void_invoice(actor=world.actor, invoice_id=invoice.id, reason=NAME)
    invoices.revoke_credit(**credit)
    return customer
