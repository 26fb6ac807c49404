"""What happens to payment methods, in the log of their customer."""

from outbox.events import Event
from payments.models import PaymentMethod


class PaymentMethodEvent(Event):
    """A customer's payment method, as it was right after the event. The token is not told."""

    payment_method: str
    customer: str
    provider: str
    provider_account: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool


class PaymentMethodAttached(PaymentMethodEvent):
    type = "payment_method.attached"


class PaymentMethodDetached(PaymentMethodEvent):
    """Nothing new is paid with it."""

    type = "payment_method.detached"


class PaymentMethodExpiring(PaymentMethodEvent):
    """It is valid until the end of `exp_month`, which is near. Told once."""

    type = "payment_method.expiring"


class PaymentMethodDefaultChanged(Event):
    """What the customer's invoices are paid with where nothing else is said; null when the default was detached."""

    type = "payment_method.default_changed"

    customer: str
    payment_method: str | None
    previous: str | None


def of_method(event: type[PaymentMethodEvent], method: PaymentMethod) -> PaymentMethodEvent:
    """`event` about `method` as it stands."""
    return event(
        payment_method=method.id,
        customer=method.customer_id,
        provider=method.provider,
        provider_account=method.provider_account,
        brand=method.brand,
        last4=method.last4,
        exp_month=method.exp_month,
        exp_year=method.exp_year,
        is_default=method.is_default,
    )
