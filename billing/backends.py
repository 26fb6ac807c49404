"""Signing in with a password, which may be tried a few times only: settings.SIGN_IN_LIMITS.

A try is counted before its password is looked at and taken back when it was right, so that many at once are no way
around the limit. Why so: billing/README.md.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from rest_framework.exceptions import Throttled

from billing.models import User
from billing.throttling import Counts, client_address


class TooManyAttempts(Throttled):
    """429, whether or not the password was right."""

    default_code = "too_many_attempts"
    default_detail = "There were too many failed attempts to sign in."
    extra_detail_singular = "Try again in {wait} second."
    extra_detail_plural = "Try again in {wait} seconds."


class PasswordBackend(ModelBackend):
    """Django's own, with a bound on failures."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Any:
        """The user, or None when the password is wrong; raises TooManyAttempts without looking at it.

        With `customers_only` staff, who are nobody's customer, fail as if their password were wrong.
        """
        account = username or kwargs.get(User.USERNAME_FIELD)
        if account is None or password is None:
            return None
        tries = _tries(account=User.objects.normalize_email(str(account)), address=client_address(request))
        tries.count(TooManyAttempts)
        user: Any = super().authenticate(request, username=account, password=password)
        if user is None or (kwargs.get("customers_only") and user.customer_id is None):
            return None
        tries.take_back()
        return user


def _tries(*, account: str, address: str) -> Counts:
    """How often this account, this address and the two together have been tried in this window."""
    return Counts(
        "sign-in",
        names={"account": account, "address": address, "account_and_address": f"{account} {address}"},
        limits=settings.SIGN_IN_LIMITS,
        window_seconds=settings.SIGN_IN_WINDOW_SECONDS,
    )
