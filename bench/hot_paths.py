"""The requests and the relay pass that everything else waits for, as calls in this process. Needs Django set up."""

import dataclasses
import io
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from django.core.handlers.wsgi import WSGIHandler

from bench import backlog, provider
from bench.client import fresh_key
from billing import services as billing
from config.api import principals
from config.api.scopes import SCOPES
from outbox import services as outbox
from payments.models import Payment
from payments.providers.base import Pending
from payments.services import submission

Call = Callable[[], None]


@dataclasses.dataclass(frozen=True)
class HotPath:
    """`prepare(n)` makes fresh calls that are worth n `unit`s together."""

    name: str
    unit: str
    prepare: Callable[[int], list[Call]]


class Shop:
    """A back end and a provider that speak WSGI to the application, without a server in between."""

    def __init__(self) -> None:
        self._application = WSGIHandler()
        actor = principals.system("bench")
        key = billing.create_api_key(name="bench", scopes=list(SCOPES), mode="test", actor=actor).secret
        self._headers = {"HTTP_AUTHORIZATION": f"Bearer {key}", "CONTENT_TYPE": "application/json"}

    @property
    def authorization(self) -> str:
        return self._headers["HTTP_AUTHORIZATION"]

    def paths(self) -> list[HotPath]:
        return [
            HotPath("create", "request", self.creates),
            HotPath("pay", "request", self.pays),
            HotPath("webhook", "request", self.webhooks),
            HotPath("replay", "request", self.replays),
            HotPath("get invoice", "request", self.gets),
            HotPath("relay", "event", self.relays),
        ]

    def creates(self, count: int) -> list[Call]:
        return [self._expecting(201, self.create()) for _ in range(count)]

    def pays(self, count: int) -> list[Call]:
        return [self._expecting(201, self.pay(invoice, fresh_key())) for invoice in self._invoices(count)]

    def replays(self, count: int) -> list[Call]:
        """Every payment is requested once here, so that the call is the second time."""
        again = [self.pay(invoice, fresh_key()) for invoice in self._invoices(count)]
        for environ in again:
            self.send(environ, 201)
        return [self._expecting(200, environ) for environ in again]

    def webhooks(self, count: int) -> list[Call]:
        """charge.succeeded for payments the provider has accepted."""
        payments = [self.submitted() for _ in range(count)]
        return [self._expecting(200, self._webhook(payment)) for payment in payments]

    def gets(self, count: int) -> list[Call]:
        """Invoices with one payment and what has happened so far."""
        invoices = [self.submitted().invoice_id for _ in range(count)]
        return [self._expecting(200, self.environ("GET", f"/api/v1/invoices/{id}")) for id in invoices]

    def relays(self, count: int) -> list[Call]:
        """One call that numbers `count` events and gives them to every subscriber; nothing else is waiting."""
        outbox.drain()
        backlog.record(count)
        return [_drain]

    def environ(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """A WSGI request; `body` is bytes or becomes JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self._headers | {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "CONTENT_LENGTH": str(len(data)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data),
            "wsgi.errors": io.StringIO(),
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        }

    def send(self, environ: dict[str, Any], status: int) -> bytes:
        """What the application answers, closed as a server closes it. Raises AssertionError for another status."""
        environ["wsgi.input"].seek(0)
        response = self._application(dict(environ), _start_response)
        body = b"".join(response)
        response.close()
        assert response.status_code == status, (response.status_code, body[:500])
        return body

    def _expecting(self, status: int, environ: dict[str, Any]) -> Call:
        def call() -> None:
            self.send(environ, status)

        return call

    def create(self) -> dict[str, Any]:
        body = {"amount": 1250, "currency": "EUR"}
        return self.environ("POST", "/api/v1/invoices", body, **{"Idempotency-Key": fresh_key()})

    def pay(self, invoice: str, key: str) -> dict[str, Any]:
        path = f"/api/v1/invoices/{invoice}/pay"
        return self.environ("POST", path, {"payment_method": "tok_visa"}, **{"Idempotency-Key": key})

    def _webhook(self, payment: Payment) -> dict[str, Any]:
        body = provider.charge_succeeded(payment).replace(provider.EVENT_ID, f"evt_{uuid.uuid4().hex}").encode()
        return self.environ("POST", "/webhooks/payment-provider", body, **provider.signed(body))

    def _invoices(self, count: int) -> Iterator[str]:
        for _ in range(count):
            yield json.loads(self.send(self.create(), 201))["id"]

    def submitted(self) -> Payment:
        """A payment the provider has accepted and not decided."""
        invoice = json.loads(self.send(self.create(), 201))["id"]
        payment = json.loads(self.send(self.pay(invoice, fresh_key()), 201))["id"]
        claimed = submission._claim(Payment.objects.get(id=payment), True)
        assert claimed is not None
        submission.record(payment=claimed, outcome=Pending(reference=f"ch_{payment}"), actor=submission.ACTOR)
        return Payment.objects.get(id=payment)


def _start_response(status: str, headers: list[tuple[str, str]], error: object = None, /) -> Callable[[bytes], object]:
    return lambda chunk: None


def _drain() -> None:
    outbox.drain()
