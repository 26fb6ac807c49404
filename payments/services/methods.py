"""Payment methods come to a customer, become the default and go, all under the customer's lock."""

import datetime

from config.api.idempotency import Created, IdempotencyKey, find_earlier, find_replay, insert_once, key_fields
from config.api.principals import Principal
from config.kernel import clock, db
from config.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from config.kernel.fields import by_id, by_id_or
from invoices import services as invoices
from invoices.models import Customer
from outbox import services as outbox
from payments import events
from payments.models import PaymentMethod
from payments.providers import base, registry
from payments.providers.base import MethodDetails, Provider
from payments.services.asking import ask

NOTICE = datetime.timedelta(days=30)
"""How long before a method expires its customer's log says so."""


class PaymentMethodNotFound(NotFound):
    """There is no payment method {id}."""

    code = "payment_method_not_found"


class PaymentMethodUnknown(Invalid):
    """The provider {provider} knows of no such payment method. Send a token that it has issued."""

    code = "payment_method_unknown"


class PaymentMethodDetached(Conflict):
    """Payment method {id} is detached."""

    code = "payment_method_detached"


class ProviderUnavailable(Unavailable):
    """The provider {provider} cannot say what this payment method is; nothing was stored. Try again shortly."""

    code = "provider_unavailable"


def attach_payment_method(
    *,
    actor: Principal,
    customer_id: str,
    token: str,
    provider: str,
    make_default: bool = False,
    key: IdempotencyKey | None = None,
    reason: str = "",
) -> Created[PaymentMethod]:
    """The customer's payment method of this token: a new one, or the one that is attached already.

    A customer without a default gets it as the default. Raises CustomerNotFound, also for somebody else's customer,
    UnknownProvider, PaymentMethodUnknown, ProviderUnavailable, IdempotencyKeyReused.
    """
    if earlier := find_earlier(PaymentMethod, key):
        return earlier
    if not actor.sees(customer_id) or by_id(Customer.objects, customer_id) is None:
        raise invoices.CustomerNotFound(id=customer_id)
    adapter = registry.get(provider)
    details = _inspect(adapter, token)

    @db.transaction(idempotent=True)
    def attach() -> Created[PaymentMethod]:
        customer = invoices.lock_customer(customer_id)
        if replay := find_replay(PaymentMethod, key):
            return replay
        created = _find_or_insert(customer, adapter, token, details, key)
        if created.is_new:
            _record(customer, events.PaymentMethodAttached, created.row, actor, reason)
        if make_default or _default_of(customer) is None:
            _change_default(customer, created.row, actor, reason)
        return created

    return attach()


@db.transaction(idempotent=False)
def detach_payment_method(*, actor: Principal, method_id: str, reason: str = "") -> PaymentMethod:
    """Nothing new is paid with it. No other becomes the default in its place.

    Raises PaymentMethodNotFound, also for somebody else's, and PaymentMethodDetached.
    """
    customer, method = _lock(actor, method_id)
    check_attached(method)
    if method.is_default:
        _change_default(customer, None, actor, reason)
    method.detached_at, method.attached_to, method.default_for, method.notice_due_at = clock.now(), None, None, None
    method.save(update_fields=["detached_at", "attached_to", "default_for", "notice_due_at"])
    _record(customer, events.PaymentMethodDetached, method, actor, reason)
    return method


@db.transaction(idempotent=True)
def make_default(*, actor: Principal, method_id: str, reason: str = "") -> PaymentMethod:
    """The customer's invoices are paid with it where nothing else is said; nothing happens where they are already.

    Raises PaymentMethodNotFound, also for somebody else's, and PaymentMethodDetached.
    """
    customer, method = _lock(actor, method_id)
    check_attached(method)
    if not method.is_default:
        _change_default(customer, method, actor, reason)
    return method


def check_attached(method: PaymentMethod) -> None:
    """Raises PaymentMethodDetached."""
    if not method.is_attached:
        raise PaymentMethodDetached(id=method.id)


def find_payment_method(*, actor: Principal, method_id: str) -> PaymentMethod:
    """Be it detached. Raises PaymentMethodNotFound, also for somebody else's."""
    return by_id_or(PaymentMethodNotFound, PaymentMethod.objects.visible_to(actor), method_id)


def _inspect(adapter: Provider, token: str) -> MethodDetails:
    """Never in a transaction: the provider may take its time."""
    said = ask(lambda: adapter.inspect_method(token))
    if isinstance(said, base.NotFound):
        raise PaymentMethodUnknown(provider=adapter.name)
    if isinstance(said, base.Unknown):
        raise ProviderUnavailable(provider=adapter.name)
    return said


def _lock(actor: Principal, method_id: str) -> tuple[Customer, PaymentMethod]:
    """Read again once its customer is locked, under whose lock it changes."""
    known = find_payment_method(actor=actor, method_id=method_id)
    customer = invoices.lock_customer(known.customer_id)
    return customer, PaymentMethod.objects.get(id=known.id)


def _find_or_insert(
    customer: Customer, adapter: Provider, token: str, details: MethodDetails, key: IdempotencyKey | None
) -> Created[PaymentMethod]:
    identity = {"token": token, "provider": adapter.name, "provider_account": adapter.account}
    if attached := PaymentMethod.objects.filter(attached_to=customer, **identity).first():
        return Created(attached, False)

    def insert() -> PaymentMethod:
        now = clock.now()
        return PaymentMethod.objects.create(
            customer=customer,
            attached_to=customer,
            brand=details.brand,
            last4=details.last4,
            exp_month=details.exp_month,
            exp_year=details.exp_year,
            notice_due_at=_notice_due_at(details, now),
            created_at=now,
            **identity,
            **key_fields(key),
        )

    return insert_once(PaymentMethod, key, insert)


def _notice_due_at(details: MethodDetails, now: datetime.datetime) -> datetime.datetime | None:
    """A card is good until its month has ended. Nobody need be told that one will expire which has."""
    year, month = divmod(details.exp_year * 12 + details.exp_month, 12)
    expires_at = datetime.datetime(year, month + 1, 1, tzinfo=datetime.UTC)
    return expires_at - NOTICE if expires_at > now else None


def _default_of(customer: Customer) -> PaymentMethod | None:
    return PaymentMethod.objects.filter(default_for=customer).first()


def _change_default(customer: Customer, method: PaymentMethod | None, actor: Principal, reason: str) -> None:
    previous = _default_of(customer)
    if previous == method:
        return
    for row, default_for in ((previous, None), (method, customer)):
        if row is not None:
            row.default_for = default_for
            row.save(update_fields=["default_for"])
    event = events.PaymentMethodDefaultChanged(
        customer=customer.id,
        payment_method=method.id if method else None,
        previous=previous.id if previous else None,
    )
    outbox.record(source=customer, event=event, actor=actor, reason=reason)


def _record(
    customer: Customer, event: type[events.PaymentMethodEvent], method: PaymentMethod, actor: Principal, reason: str
) -> None:
    outbox.record(source=customer, event=events.of_method(event, method), actor=actor, reason=reason)
