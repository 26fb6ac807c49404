"""Customers who have signed in, and a provider that describes tokens."""

from collections.abc import Iterator

import pytest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from config.api import principals
from config.api.principals import Principal
from payments.tests.methods.asking import CUSTOMER_HEADER
from payments.tests.simulator import simulated_in_process


class SignedIn(BaseAuthentication):
    """Whoever sends a customer's id is that customer."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        customer_id = request.headers.get(CUSTOMER_HEADER)
        return (principals.customer(customer_id), None) if customer_id else None


@pytest.fixture(autouse=True)
def _customers_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(APIView, "authentication_classes", [SignedIn, *APIView.authentication_classes])


@pytest.fixture(autouse=True)
def _described() -> Iterator[None]:
    with simulated_in_process():
        yield
