"""Accounts of customers: registered by themselves, one customer each. Why registering says so little: ADR 19."""

from typing import Any

from billing.models import MailKind, Session, User
from billing.services.mail import queue_mail
from billing.services.passwords import hash_password
from billing.services.sessions import open_session
from config.api import principals
from config.kernel import db
from config.kernel.errors import Invalid
from invoices import services as invoices


class RegistrationRefused(Invalid):
    """This registration is not possible. Whoever has an account can sign in, or ask for a new password."""

    code = "registration_refused"


def register(*, email: str, password: str, first_name: str, last_name: str) -> Session:
    """A new user, the customer that it is, and its first session.

    Raises WeakPassword and RegistrationRefused; whoever has an account under this address is then told by mail.
    """
    names = {"first_name": first_name, "last_name": last_name}
    hashed = hash_password(password, user=User(email=email, **names), field="password")
    session = _register(email=email, hashed=hashed, **names)
    if session is None:
        raise RegistrationRefused()
    return session


@db.transaction(idempotent=False, looks_again=True)
def _register(*, email: str, hashed: str, first_name: str, last_name: str) -> Session | None:
    """None when somebody has the address, who then gets a mail; also when that was at the same moment."""
    if User.objects.filter(email=email).exists():
        queue_mail(kind=MailKind.REGISTRATION_ATTEMPTED, recipient=email)
        return None
    user = User(email=email, password=hashed, first_name=first_name, last_name=last_name)
    user.customer = invoices.add_customer(name=user.get_full_name(), email=email)
    user.save(force_insert=True)
    return open_session(user=user)


@db.transaction(idempotent=True)
def rename(*, user_id: str, customer_id: str, changes: dict[str, Any]) -> User:
    """Set the given ones out of first_name and last_name; the customer is called so, too."""
    actor = principals.customer(customer_id)
    customer = invoices.lock_customer(customer_id)
    user = User.objects.select_for_update().get(pk=user_id)
    for name, value in changes.items():
        setattr(user, name, value)
    if changes:
        user.save(update_fields=list(changes))
        invoices.change_customer(customer=customer, changes={"name": user.get_full_name()}, actor=actor)
    return user
