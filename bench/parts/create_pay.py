"""Create an invoice and pay it, with fresh keys: pairs per second."""

import dataclasses
import json
from collections.abc import Callable

from bench import client, floor, quiet, stock
from bench.client import Conversation, Load
from bench.parts.base import OURS, Bench, Contender, Part, Target
from bench.service import BEHIND_THE_WEB
from payments.models import Payment
from payments.states import PaymentStatus

WEB_ONLY = "quittance, web only"
INVOICE = json.dumps({"amount": 1250, "currency": "EUR"}).encode()
TERMS = json.dumps({"payment_method": "tok_visa"}).encode()
FLOOR_PAIRS_PER_SECOND = 1000
"""About what the floor reaches, so that it runs for about as long as the others."""


def part(bench: Bench, *, floor_url: str, peer_port: int) -> Part:
    def ours() -> Load:
        latest = Payment.objects.order_by("-id").values_list("id", flat=True)[0]
        with quiet.forgetting_payments():
            load = _drive(bench, bench.service.port)
            settled = Payment.objects.filter(id__gt=latest, status=PaymentStatus.SUCCEEDED).count()
        return dataclasses.replace(load, settled=settled / load.units)

    def web_only() -> Load:
        with quiet.forgetting_payments(), bench.service.paused(*BEHIND_THE_WEB):
            return _drive(bench, bench.service.port)

    def raw() -> Load:
        pairs = stock.floor_pairs(bench.written, int(bench.options.seconds * FLOOR_PAIRS_PER_SECOND))
        return floor.run(url=floor_url, pairs=pairs, connections=bench.options.connections)

    return Part(
        name="create + pay",
        unit="pairs",
        contenders=[
            Contender("raw SQL", "the same rows and commits through mysqlclient, no HTTP", raw),
            Contender(
                "FastAPI", "the same rows over HTTP; nothing is submitted or relayed", lambda: _drive(bench, peer_port)
            ),
            Contender(OURS, "everything on: payments are also submitted, settled and relayed, on the same cores", ours),
            Contender(WEB_ONLY, "worker, beat, relay and simulator paused: what the peer does", web_only),
        ],
        targets=[Target(ratio=0.15, of="raw SQL"), Target(ratio=0.8, of="FastAPI")],
    )


def _drive(bench: Bench, port: int) -> Load:
    return client.drive(
        port=port,
        conversations=lambda: pair(bench.shop.authorization),
        connections=bench.options.connections,
        seconds=bench.options.seconds,
    )


def pair(authorization: str, paid: Callable[[bytes], object] = lambda request: None) -> Conversation:
    """One invoice and its payment; `paid` gets the request that paid."""
    create = client.request(
        "POST", "/api/v1/invoices", INVOICE, Authorization=authorization, Idempotency_Key=client.fresh_key()
    )
    invoice = invoice_id(client.expect(b"201", (yield create)))
    path = f"/api/v1/invoices/{invoice}/pay"
    pay = client.request("POST", path, TERMS, Authorization=authorization, Idempotency_Key=client.fresh_key())
    client.expect(b"201", (yield pay))
    paid(pay)


def invoice_id(response: bytes) -> str:
    """The first id in an answer is that of what was asked for."""
    return response.partition(b'"id":"')[2].partition(b'"')[0].decode()
