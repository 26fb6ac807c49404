"""Signed webhooks per second, each about a payment of its own."""

import hashlib
import hmac
import itertools
import json
import time
import uuid

from bench import client, competition, provider, quiet
from bench.client import Load
from bench.parts.base import OURS, Bench, Contender, Part, Target
from bench.stock import Awaited

PER_SECOND = 700
"""How many are prepared for each second of load; when they are used up a round ends early."""


def part(bench: Bench, *, peer: competition.StripeSite) -> Part:
    count = int(bench.options.seconds * PER_SECOND)

    def ours() -> Load:
        awaited = bench.accepted.make(count)
        quiet.rest()
        load = _drive(bench, bench.service.port, [request(each) for each in awaited])
        quiet.rest()
        return load

    def theirs() -> Load:
        return _drive(bench, peer.port, [stripe_request(peer) for _ in range(count)])

    return Part(
        name="webhooks",
        unit="webhooks",
        contenders=[
            Contender("dj-stripe", "verified, stored, one PaymentMethod row written from the payload", theirs),
            Contender(OURS, "verified, stored, applied: receipt, journals, payment and invoice paid, events", ours),
        ],
        targets=[Target(rate=550)],
    )


def request(awaited: Awaited) -> bytes:
    """charge.succeeded, signed now."""
    headers = {name.replace("-", "_"): value for name, value in provider.signed(awaited.body).items()}
    return client.request("POST", "/webhooks/payment-provider", awaited.body, **headers)


def stripe_request(peer: competition.StripeSite) -> bytes:
    """payment_method.detached, signed now."""
    now = int(time.time())
    method = {
        "id": f"pm_{uuid.uuid4().hex}",
        "object": "payment_method",
        "created": now,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "card": {"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2030},
    }
    event = {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "api_version": "2026-05-27.dahlia",
        "created": now,
        "data": {"object": method},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "payment_method.detached",
    }
    body = json.dumps(event).encode()
    digest = hmac.new(peer.secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return client.request("POST", peer.path, body, Stripe_Signature=f"t={now},v1={digest}")


def _drive(bench: Bench, port: int, requests: list[bytes]) -> Load:
    waiting = itertools.chain((client.single(each, b"200") for each in requests), itertools.repeat(None))
    return client.drive(
        port=port,
        conversations=lambda: next(waiting),
        connections=bench.options.connections,
        seconds=bench.options.seconds,
    )
