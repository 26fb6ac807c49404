"""Customers: created and updated by back ends, and by themselves."""

from typing import Any

from config.api import principals
from config.api.idempotency import Created, IdempotencyKey, find_earlier, insert_once, key_fields
from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import NotFound
from config.kernel.prepared import Select
from invoices import events
from invoices.models import Customer
from outbox import services as outbox

_locked = Select(Customer.objects.select_for_update(), "id")


class CustomerNotFound(NotFound):
    """There is no customer {id}."""

    code = "customer_not_found"


def create_customer(
    *, actor: Principal, name: str, email: str, metadata: dict[str, Any], key: IdempotencyKey | None
) -> Created[Customer]:
    """A new customer, or the one an earlier request with the same key made. Raises IdempotencyKeyReused."""

    def insert() -> Customer:
        return _insert(Customer(name=name, email=email, metadata=metadata, **key_fields(key)), actor)

    @db.transaction(idempotent=key is not None)
    def create() -> Created[Customer]:
        return insert_once(Customer, key, insert)

    return find_earlier(Customer, key) or create()


def lock_customer(customer_id: str) -> Customer:
    """Requires a transaction. The customer under its row lock, as it is now. Raises CustomerNotFound."""
    db.require_transaction()
    return _locked.one_or(CustomerNotFound, customer_id)


def add_customer(*, name: str, email: str) -> Customer:
    """Requires a transaction. Somebody who becomes a customer by themselves."""
    db.require_transaction()
    customer = Customer(name=name, email=email)
    return _insert(customer, principals.customer(customer.id))


def _insert(customer: Customer, actor: Principal) -> Customer:
    customer.created_at = clock.now()
    outbox.record(source=customer, event=events.of_customer(events.CustomerCreated, customer), actor=actor)
    customer.save(force_insert=True)
    return customer


@db.transaction(idempotent=False)
def update_customer(*, actor: Principal, customer_id: str, changes: dict[str, Any]) -> Customer:
    """Set the given fields out of name, email, metadata. Raises CustomerNotFound."""
    customer = lock_customer(customer_id)
    change_customer(customer=customer, changes=changes, actor=actor)
    return customer


def change_customer(*, customer: Customer, changes: dict[str, Any], actor: Principal) -> None:
    """Requires the customer's lock. Set the given fields out of name, email, metadata."""
    db.require_transaction()
    for name, value in changes.items():
        setattr(customer, name, value)
    outbox.record(source=customer, event=events.of_customer(events.CustomerUpdated, customer), actor=actor)
    customer.save(update_fields=list(changes))
