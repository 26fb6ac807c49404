"""A signed webhook with anything about it changed: 400, nothing stored, nothing done; untouched it is taken."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from payments.models import Payment
from payments.tests.factories import make_payment
from payments.tests.simulator import simulated_with
from tests.fuzz import documented
from tests.invariants import check_invariants
from webhooks.inbound.tests.sending import URL, event, event_about, secret, send, signed, status_of

pytestmark = pytest.mark.django_db

SIGNATURE, TIMESTAMP = "X-Webhook-Signature", "X-Webhook-Timestamp"
BITS = [1 << bit for bit in range(8)]


class Original:
    """One signed webhook that would pay an invoice, and what posting changed copies of it does."""

    def __init__(self) -> None:
        self.payment = make_payment()
        self.body = event_about(self.payment)
        self.headers = signed(self.body)
        self.before = documented.stored()
        self.client = Client(raise_request_exception=False)
        self.refused = 0

    def refuses(self, why: str, *, body: bytes | None = None, headers: dict[str, str] | None = None) -> None:
        """Assert a 400 in its documented shape. Header values are Latin-1 text, as WSGI hands bytes over."""
        sent = self.headers | (headers or {})
        environ: dict[str, Any] = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in sent.items()}
        content = self.body if body is None else body
        response = self.client.generic("POST", URL, content, "application/json", **environ)
        assert response.status_code == 400, (why, response.content)
        documented.check_problem(status=400, headers=response.headers, body=response.content)
        self.refused += 1

    def has_done_nothing(self) -> None:
        """Assert that nothing was stored and the payment waits as before."""
        assert documented.stored() == self.before
        assert Payment.objects.get().status == "created"


@pytest.fixture
def original() -> Iterator[Original]:
    """Afterwards nothing has come of it, and sent unchanged it pays."""
    webhook = Original()
    yield webhook
    assert webhook.refused
    webhook.has_done_nothing()
    assert status_of(send(webhook.body, headers=webhook.headers)) == "processed"
    assert Payment.objects.get().status == "succeeded"
    check_invariants()


def flips(content: bytes) -> Iterator[tuple[str, bytes]]:
    """`content` with one bit wrong, for every bit."""
    for position, byte in enumerate(content):
        for bit in BITS:
            changed = content[:position] + bytes([byte ^ bit]) + content[position + 1 :]
            yield f"byte {position} is {byte ^ bit:#x}", changed


def test_every_flipped_bit_of_the_body_is_refused(original: Original) -> None:
    """Each of its 2,000 bits."""
    for why, changed in flips(original.body):
        original.refuses(why, body=changed)


@pytest.mark.parametrize("header", [SIGNATURE, TIMESTAMP])
def test_every_flipped_bit_of_a_header_is_refused(original: Original, header: str) -> None:
    """An upper-case digit, a blank, a byte that is no ASCII: one signature has one spelling."""
    for why, changed in flips(original.headers[header].encode()):
        original.refuses(why, headers={header: changed.decode("latin-1")})


@pytest.mark.long
def test_every_other_byte_anywhere_is_refused(original: Original) -> None:
    """All 255 other values of every byte of the body and of both headers."""
    for position, byte in enumerate(original.body):
        for value in set(range(256)) - {byte}:
            changed = original.body[:position] + bytes([value]) + original.body[position + 1 :]
            original.refuses(f"byte {position} is {value:#x}", body=changed)
    for header in (SIGNATURE, TIMESTAMP):
        text = original.headers[header]
        for position, character in enumerate(text):
            for other in {chr(value) for value in range(256)} - {character}:
                changed_text = text[:position] + other + text[position + 1 :]
                original.refuses(f"{header} {position} is {other!r}", headers={header: changed_text})
    print(f"{original.refused} changed webhooks were refused")


def test_every_part_of_a_webhook_is_refused(original: Original) -> None:
    """Cut anywhere, at either end, in the body and in both headers."""
    for length in range(len(original.body)):
        original.refuses(f"the first {length} bytes", body=original.body[:length])
        original.refuses(f"without {length + 1} bytes", body=original.body[length + 1 :])
    for header in (SIGNATURE, TIMESTAMP):
        text = original.headers[header]
        for length in range(len(text)):
            original.refuses(f"{header}: {length} characters", headers={header: text[:length]})
            original.refuses(f"{header}: without {length + 1}", headers={header: text[length + 1 :]})


def test_every_swap_of_neighbours_is_refused(original: Original) -> None:
    """Neighbouring bytes that differ, exchanged."""
    for position in range(len(original.body) - 1):
        a, b = original.body[position : position + 1], original.body[position + 1 : position + 2]
        if a != b:
            swapped = original.body[:position] + b + a + original.body[position + 2 :]
            original.refuses(f"bytes {position} and {position + 1}", body=swapped)


def test_parts_of_two_webhooks_do_not_mix(original: Original) -> None:
    """Two bodies, two instants and two secrets, each validly signed: no other pairing of them is."""
    another = event_about(original.payment, amount=original.payment.amount + 1)
    now = int(time.time())
    for body, age in ((another, 0), (original.body, 7)):
        theirs = signed(body, at=now - age)
        content = original.body if body is another else another
        original.refuses("the other body", body=content, headers=theirs)
        original.refuses("the other timestamp", headers={TIMESTAMP: str(now - 3)})
    original.refuses("the body signed without its timestamp", headers={TIMESTAMP: ""})
    moved = signed(str(now).encode() + b"." + original.body, at=0)
    original.refuses("the dot moved", headers={SIGNATURE: moved[SIGNATURE]})


@pytest.mark.parametrize("age", [301, 302, 360, 3_600, 86_400, -302, -3_600, 10**8])
def test_a_replay_out_of_tolerance_is_refused(original: Original, age: int) -> None:
    """Rightly signed then, too old or too new now; a fresh timestamp on the old signature does not help."""
    stale = signed(original.body, at=time.time() - age)
    original.refuses(f"{age} s", headers=stale)
    original.refuses(f"{age} s, renewed", headers=stale | {TIMESTAMP: str(int(time.time()))})


def test_only_live_secrets_sign(original: Original) -> None:
    """Of several secrets each one signs; a part of one, two in one and a retired one do not."""
    retired = secret()
    with simulated_with(webhook_secrets=["first-secret", "second-secret"]):
        for key in ("first-secre", "first-secret ", "First-secret", "first-secret,second-secret", "", retired):
            original.refuses(key, headers=signed(original.body, key=key))
        original.has_done_nothing()
        for key in ("first-secret", "second-secret"):
            body = event()
            assert status_of(send(body, headers=signed(body, key=key))) == "ignored"
    original.before = documented.stored()
