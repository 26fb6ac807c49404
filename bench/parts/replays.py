"""The same payment requested again with the same Idempotency-Key: replays per second."""

import itertools
from collections.abc import Iterator

from bench import client, quiet
from bench.client import Conversation, Load
from bench.parts.base import OURS, Bench, Contender, Part, Target
from bench.parts.create_pay import pair

PAYMENTS = 200


def part(bench: Bench, *, peer_port: int) -> Part:
    def replays(port: int) -> Load:
        return _drive(bench, port, paid[port])

    paid = {port: _paid(bench, port) for port in (bench.service.port, peer_port)}
    quiet.rest()
    return Part(
        name="replays",
        unit="replays",
        contenders=[
            Contender("FastAPI", "finds the payment by its key under the invoice's lock", lambda: replays(peer_port)),
            Contender(OURS, "everything on", lambda: replays(bench.service.port)),
        ],
        targets=[Target(rate=1_000)],
    )


def _paid(bench: Bench, port: int) -> list[bytes]:
    """Requests that have paid an invoice."""
    requests: list[bytes] = []
    pairs = itertools.islice(_pairs(bench, requests), PAYMENTS)
    client.drive(port=port, conversations=lambda: next(pairs, None), connections=bench.options.connections, seconds=600)
    return requests


def _pairs(bench: Bench, requests: list[bytes]) -> Iterator[Conversation]:
    while True:
        yield pair(bench.shop.authorization, paid=requests.append)


def _drive(bench: Bench, port: int, requests: list[bytes]) -> Load:
    again = itertools.cycle(requests)
    return client.drive(
        port=port,
        conversations=lambda: client.single(next(again), b"200"),
        connections=bench.options.connections,
        seconds=bench.options.seconds,
    )
