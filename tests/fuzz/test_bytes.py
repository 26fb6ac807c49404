"""Requests no client library would send, byte for byte over a socket: whole, bent and broken ones."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from invoices.models import Invoice
from payments.models import Payment
from payments.tests.factories import make_payment
from tests.api import ApiConsumer
from tests.fuzz import documented
from tests.fuzz.effort import EFFORTS, try_out
from tests.fuzz.test_webhook_signatures import SIGNATURE, TIMESTAMP, flips
from tests.invariants import check_invariants
from webhooks.inbound.tests.sending import URL, event_about, signed

BODY = b'{"amount": 1250, "currency": "EUR", "description": "by hand"}'
_HEAD = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


def answers(port: int, sent: bytes, *, patience: float = 0.3) -> list[tuple[int, bytes]]:
    """(status, everything from there on) of each answer to `sent`.

    A server that still waits for more after `patience` seconds is hung up on; one that is hung up on at once answers
    nothing at all.
    """
    received = b""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        try:
            connection.sendall(sent)
            connection.settimeout(patience)
            while part := connection.recv(65_536):
                received += part
        except (ConnectionError, TimeoutError):
            pass
    return [(int(match[1]), received[match.start() :]) for match in _HEAD.finditer(received)]


def request(secret: str, *headers: bytes, method: bytes = b"POST", path: bytes = b"/api/v1/invoices") -> bytes:
    """A request to create an invoice, with further headers."""
    lines = [
        method + b" " + path + b" HTTP/1.1",
        b"Host: localhost",
        b"Authorization: Bearer " + secret.encode(),
        b"Content-Type: application/json",
        b"Connection: close",
        *headers,
    ]
    if not any(header.lower().startswith((b"content-length", b"transfer-encoding")) for header in headers):
        lines.append(b"Content-Length: %d" % len(BODY))
    return b"\r\n".join(lines) + b"\r\n\r\n" + BODY


def assert_sane(port: int, sent: bytes, *, patience: float = 0.3) -> list[int]:
    """The statuses of the answers: none a 5xx, and refusals of ours are problem documents."""
    found = answers(port, sent, patience=patience)
    for status, answer in found:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert status < 500, (sent, answer)
        if documented.PROBLEM.encode() in head and sent[:4] != b"HEAD":
            problem = json.JSONDecoder().raw_decode(body.decode(), body.index(b"{"))[0]
            assert problem["status"] == status
            assert problem["request_id"].encode() in head
    return [status for status, _ in found]


@pytest.fixture
def alive(port: int, committed_api: ApiConsumer) -> Iterator[ApiConsumer]:
    """Afterwards the server still answers, and the books balance."""
    yield committed_api
    assert assert_sane(port, request(committed_api.secret), patience=10) == [201]
    check_invariants()


@EFFORTS
def test_every_bent_byte_of_a_request_is_survived(port: int, alive: ApiConsumer, effort: str) -> None:
    """A valid request from its line to its body, one bit wrong each time: answered or hung up on, never a 5xx."""
    valid = request(alive.secret, b'Idempotency-Key: "bent"', b"X-Request-ID: bent-1", b"Accept: */*")
    bent = [changed for _, changed in flips(valid)]
    for changed in bent if effort == "long" else bent[::11]:
        assert_sane(port, changed)


@EFFORTS
def test_a_request_cut_off_anywhere_does_nothing(port: int, alive: ApiConsumer, effort: str) -> None:
    """Whoever hangs up before the last byte has asked for nothing."""
    valid = request(alive.secret)
    for length in range(0, len(valid), 1 if effort == "long" else 7):
        assert not {200, 201} & set(assert_sane(port, valid[:length], patience=0.02)), length
    assert not Invoice.objects.exists()


LENGTHS = [
    [b"Content-Length: %d" % (len(BODY) - 1)],
    [b"Content-Length: %d" % (len(BODY) + 1)],
    [b"Content-Length: %d" % len(BODY), b"Content-Length: 5"],
    [b"Content-Length: %d, %d" % (len(BODY), len(BODY))],
    [b"Content-Length: +%d" % len(BODY)],
    [b"Content-Length: 0x3c"],
    [b"Content-Length: 18446744073709551616"],
    [b"Content-Length: -1"],
    [b"Content-Length: "],
    [b"Content-Length : %d" % len(BODY)],
    [b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked"],
    [b"Transfer-Encoding: chunked"],
    [b"Transfer-Encoding: xchunked"],
    [b"Transfer-Encoding: gzip, chunked"],
    [b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
    [b"Transfer-Encoding:\x0bchunked"],
]


def test_a_doubtful_length_creates_nothing(port: int, alive: ApiConsumer) -> None:
    """Two readers could take the end of such a body for two places: neither reading is served."""
    for headers in LENGTHS:
        assert not {200, 201} & set(assert_sane(port, request(alive.secret, *headers))), headers
    assert not Invoice.objects.exists()


def test_a_request_hidden_in_a_body_is_not_served(port: int, alive: ApiConsumer) -> None:
    """What stands behind a chunked end or a too short length is not taken for a second request that moves money."""
    hidden = request(alive.secret, method=b"POST")
    head = b"POST /api/v1/invoices HTTP/1.1\r\nHost: localhost\r\n"
    for length in (
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
    ):
        assert_sane(port, head + length + b"\r\n\r\n0\r\n\r\n" + hidden)
        assert Invoice.objects.count() <= 1, "at most the second of two requests, never a part of the first"


TWICE = [
    [b"Idempotency-Key: one", b"Idempotency-Key: two"],
    [b"Authorization: Bearer nonsense"],
    [b"Content-Type: text/plain"],
    [b"X-Request-ID: a", b"X-Request-ID: b"],
    [b"Host: evil.example"],
    [b"Accept: text/html", b"Accept: application/json"],
    [b"Idempotency_Key: underscored", b"Idempotency-Key: dashed"],
    [b"Idempotency-Key: \xff\xfe"],
    [b"X-Request-ID: \xc3\xa9"],
    [b"Accept: \x80"],
    [b"Cookie: \xff=\xff"],
    [b"X-Fold: a\r\n b"],
    [b"X-Null: a\x00b"],
    [b"X-Long: " + b"a" * 60_000],
    [b"X-Many-%d: 1" % number for number in range(300)],
    [b": no name"],
    [b"no colon"],
    [b"Content-Encoding: gzip"],
    [b"Expect: 100-continue"],
    [b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"],
]


def test_odd_and_repeated_headers_are_survived(port: int, alive: ApiConsumer) -> None:
    """Answered or refused, never a 5xx, and at most one invoice."""
    for number, headers in enumerate(TWICE, start=1):
        assert_sane(port, request(alive.secret, *headers))
        assert Invoice.objects.count() <= number, headers


def test_two_different_keys_in_one_request_are_one_key_or_none(port: int, alive: ApiConsumer) -> None:
    """Repeated, the same two headers are the same request: it is not served a second time."""
    payment = b'{"order_id": "twice", "amount": 1, "currency": "EUR", "payment_method": "tok_visa"}'
    keys = b"Idempotency-Key: one\r\nIdempotency-Key: two"
    sent = (
        request(alive.secret, keys, b"Content-Length: %d" % len(payment), path=b"/api/v1/payments")[: -len(BODY)]
        + payment
    )
    assert assert_sane(port, sent, patience=10) in ([201], [400])
    assert assert_sane(port, sent, patience=10) in ([200], [400])
    assert Payment.objects.count() <= 1


LINES = [
    b"GET /api/v1/invoices",
    b"GET  /api/v1/invoices HTTP/1.1",
    b"GET /api/v1/invoices HTTP/1.0",
    b"GET /api/v1/invoices HTTP/2.0",
    b"get /api/v1/invoices HTTP/1.1",
    b"BREW /api/v1/invoices HTTP/1.1",
    b"CONNECT localhost:80 HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"TRACE /api/v1/invoices HTTP/1.1",
    b"HEAD /api/v1/invoices HTTP/1.1",
    b"GET http://localhost/api/v1/invoices HTTP/1.1",
    b"GET http://evil.example/api/v1/invoices HTTP/1.1",
    b"GET //api/v1/invoices HTTP/1.1",
    b"GET api/v1/invoices HTTP/1.1",
    b"GET /api/v1/../v1/invoices HTTP/1.1",
    b"GET /api/v1/invoices%2f HTTP/1.1",
    b"GET /api/v1/invoices;a=b HTTP/1.1",
    b"GET /api/v1/invoices#x HTTP/1.1",
    b"GET /api/v1/invoices?limit=1?limit=2 HTTP/1.1",
    b"GET /api/v1/invoices?\xff HTTP/1.1",
    b"GET /api/v1/invoices/\xff\xfe HTTP/1.1",
    b"GET /api/v1/invoices/%ff%fe HTTP/1.1",
    b"GET /%00 HTTP/1.1",
    b"GET /% HTTP/1.1",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1",
    b"PRI * HTTP/2.0",
    b"\x16\x03\x01\x02\x00\x01\x00\x01",
    b"\x00" * 64,
    b"{}",
]


def test_an_odd_request_line_is_survived(port: int, alive: ApiConsumer) -> None:
    """Methods, targets and versions that are none, and other protocols."""
    headers = [b"Host: localhost", b"Authorization: Bearer " + alive.secret.encode(), b"Connection: close", b"", b""]
    for line in LINES:
        assert_sane(port, b"\r\n".join([line, *headers]))


@EFFORTS
def test_random_bytes_between_the_parts_of_a_request_are_survived(port: int, alive: ApiConsumer, effort: str) -> None:
    """Headers of any bytes, line ends of any kind."""
    header = st.tuples(
        st.binary(max_size=20), st.sampled_from([b": ", b":", b" :", b"", b":\t"]), st.binary(max_size=40)
    )
    headers = st.lists(
        header.map(b"".join) | st.sampled_from([h for hs in TWICE + LENGTHS for h in hs][:45]), max_size=4
    )
    ends = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n"])

    def check(headers: list[bytes], end: bytes) -> None:
        assert_sane(port, request(alive.secret, *headers).replace(b"\r\n", end, 12))

    try_out(effort, check, headers=headers, end=ends)


@EFFORTS
def test_every_bent_header_byte_of_a_webhook_is_refused(port: int, alive: ApiConsumer, effort: str) -> None:
    """Through a real server, which may strip or refuse a byte itself: never accepted, nothing stored."""
    payment = make_payment()
    body, before = event_about(payment), documented.stored()
    headers = signed(body)

    def post(changes: dict[str, bytes]) -> list[int]:
        sent: dict[str, Any] = {name: value.encode() for name, value in headers.items()} | changes
        lines = [b"POST " + URL.encode() + b" HTTP/1.1", b"Host: localhost", b"Content-Length: %d" % len(body)]
        lines += [name.encode() + b": " + value for name, value in sent.items()]
        return assert_sane(port, b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body, patience=10)

    for header in (SIGNATURE, TIMESTAMP):
        bent = [changed for _, changed in flips(headers[header].encode())]
        for changed in bent if effort == "long" else bent[::3]:
            assert post({header: changed}) in ([400], []), changed
    assert documented.stored() == before
    assert post({}) == [200]
    assert Payment.objects.get(pk=payment.id).status == "succeeded"
