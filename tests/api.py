"""An API consumer for tests: a back end with a key, speaking JSON."""

import json
import uuid
from typing import Any

from django.test import Client

from billing import services as billing
from billing.tokens import AccessToken, RefreshToken
from config.api.principals import system
from config.api.scopes import SCOPES


class ApiConsumer:
    """Sends requests to /api/v1 with a key of all scopes, or of those given."""

    def __init__(self, scopes: set[str] | None = None, *, secret: str | None = None) -> None:
        if secret is None:
            created = billing.create_api_key(
                name="test", scopes=SCOPES if scopes is None else scopes, mode="test", actor=system("test")
            )
            secret = created.secret
        self.secret = secret
        self.client = Client(raise_request_exception=False)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """`body` is sent as JSON unless it is bytes; header names are given with underscores."""
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(
            method,
            f"/api/v1/{path}",
            b"" if method == "GET" else data,
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.secret}"} | sent,
        )

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Any:
        if key is not None:
            headers["Idempotency_Key"] = key
        return self.request("POST", path, body, **headers)

    def create_invoice(self, amount: int = 1250, currency: str = "EUR", **more: Any) -> Any:
        """The created invoice as JSON."""
        response = self.post("invoices", {"amount": amount, "currency": currency, **more})
        assert response.status_code == 201, response.content
        return response.json()

    def pay(self, invoice_id: str, *, token: str = "tok_visa", key: str | None = None) -> Any:
        """The response to paying the invoice, with a fresh key unless one is given."""
        return self.post(f"invoices/{invoice_id}/pay", {"payment_method": token}, key=key or uuid.uuid4().hex)


PASSWORD = "correct horse battery"


class SignedIn(ApiConsumer):
    """Somebody who has registered, and is signed in: `customer_id` is theirs."""

    def __init__(self, email: str = "", *, first_name: str = "Ada", last_name: str = "Lovelace") -> None:
        self.email = email or f"{uuid.uuid4().hex}@example.com"
        self.session = billing.register(email=self.email, password=PASSWORD, first_name=first_name, last_name=last_name)
        self.user = self.session.user
        self.customer_id = str(self.user.customer_id)
        super().__init__(secret=str(AccessToken.of(self.session)))

    @property
    def refresh(self) -> str:
        """The refresh token of the sign-in."""
        return str(RefreshToken.of(self.session))
