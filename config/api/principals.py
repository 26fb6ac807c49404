"""Who asks: an opaque identity that apps store as text and never as a foreign key into billing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser

Kind = Literal["api_key", "customer", "staff", "provider", "system"]

MERCHANT = "merchant"
"""The owner of everything back ends do: one deployment serves one merchant, whichever of its keys asks."""


@dataclasses.dataclass(frozen=True)
class Principal:
    """`kind` and `id` name the actor in events; `scopes` say what it may do; `owner` has the idempotency keys."""

    kind: Kind
    id: str
    scopes: frozenset[str] = frozenset()

    @property
    def actor(self) -> str:
        """As recorded in events: "api_key:key_01h…", "staff:7", "provider:simulated", "system:payments.sweep"."""
        return f"{self.kind}:{self.id}"

    @property
    def owner(self) -> str:
        """The merchant or the customer, never the credential, so a rotated key still finds what the old one did."""
        return f"customer:{self.id}" if self.kind == "customer" else MERCHANT

    def sees(self, customer_id: str | None) -> bool:
        """Whether what belongs to this customer exists for whoever asks; for customers what is nobody's does not."""
        return self.kind != "customer" or self.id == customer_id

    @property
    def is_authenticated(self) -> bool:
        """What Django REST framework asks of a request's user."""
        return True


def customer(customer_id: str) -> Principal:
    """Somebody who has signed in and sees what is theirs: `id` is the customer's, "cus_…". Scopes are for back ends."""
    return Principal(kind="customer", id=customer_id)


def system(name: str) -> Principal:
    """The actor of work nobody asked for at that moment: a sweep, a relay, a command."""
    return Principal(kind="system", id=name)


def staff(user: AbstractBaseUser | AnonymousUser) -> Principal:
    """The actor of what somebody does in the admin."""
    return Principal(kind="staff", id=str(user.pk))
