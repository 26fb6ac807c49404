"""How an invoice is paid: a token of a provider, or a payment method of the invoice's customer."""

import dataclasses

from django.conf import settings

from config.kernel.errors import FieldError, Invalid
from config.kernel.ids import with_prefix
from config.kernel.prepared import Select
from payments.models import PaymentMethod
from payments.providers import registry
from payments.providers.base import Provider

_by_id = Select(PaymentMethod.objects.all(), "id")
_default_of = Select(PaymentMethod.objects.all(), "default_for")


class PaymentMethodNotAttached(Invalid):
    """The customer has no payment method {id} attached."""

    code = "payment_method_not_found"


class PaymentMethodUnusable(Invalid):
    """Payment method {id} is of the account {account} of {provider}, where this cannot be paid."""

    code = "payment_method_unusable"


class NothingToPayWith(Invalid):
    """Send a token of the provider, such as tok_visa, or a payment method of the customer, pm_…"""

    def __init__(self) -> None:
        super().__init__()
        self.errors = (FieldError("payment_method", "required", self.detail),)


@dataclasses.dataclass(frozen=True)
class PaymentTerms:
    """How to pay. `provider` is a key of settings.PROVIDERS. `payment_method` is a token of that provider, or the id of
    a method attached to whoever owes, "pm_…", which brings its own.

    Without a method it is the customer's default one, else that of the settings; without a provider, its provider.
    """

    provider: str = ""
    payment_method: str = ""


@dataclasses.dataclass(frozen=True)
class Means:
    """What a payment is made with: a provider, a token of its account, and the attached method whose token that is."""

    provider: Provider
    token: str
    method_id: str | None = None


def default_payment_method(customer_id: str) -> PaymentMethod | None:
    """What the customer's invoices are paid with where nothing else is said."""
    return _default_of.one(customer_id)


def means_for(customer_id: str | None, terms: PaymentTerms) -> Means:
    """What `terms` come to for what this customer owes, or nobody in particular.

    Methods are read without the customer's lock, which comes before the invoice's: one that is detached at this instant
    may still be charged once.

    Raises PaymentMethodNotAttached, PaymentMethodUnusable, UnknownProvider, NothingToPayWith.
    """
    if with_prefix("pm", [terms.payment_method]):
        return _means(_attached(customer_id, terms.payment_method), terms)
    provider = registry.get(terms.provider or settings.DEFAULT_PROVIDER)
    if terms.payment_method or (terms.provider and not provider.settles_itself):
        return Means(provider, terms.payment_method)
    default = customer_id and default_payment_method(customer_id)
    if default and terms.provider in ("", default.provider):
        return _means(default, terms)
    token = settings.DEFAULT_PAYMENT_METHOD or ""
    if provider.settles_itself and not token:
        raise NothingToPayWith()
    return Means(provider, token if provider.settles_itself else "")


def _attached(customer_id: str | None, method_id: str) -> PaymentMethod:
    method = _by_id.one(method_id)
    if method is None or not method.is_attached or method.customer_id != customer_id:
        raise PaymentMethodNotAttached(id=method_id)
    return method


def _means(method: PaymentMethod, terms: PaymentTerms) -> Means:
    """A token is sent to no account but its own."""
    is_configured = method.provider in settings.PROVIDERS and terms.provider in ("", method.provider)
    if not is_configured or registry.get(method.provider).account != method.provider_account:
        raise PaymentMethodUnusable(id=method.id, provider=method.provider, account=method.provider_account)
    return Means(registry.get(method.provider), method.token, method.id)
