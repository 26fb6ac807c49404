"""Headers, query strings and ids in paths: whatever they hold, the answer is a documented one."""

import itertools
import json
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from django.test import Client
from hypothesis import strategies as st

from invoices.tests.factories import make_customer, make_invoice
from payments.tests.factories import make_payment
from tests.api import ApiConsumer
from tests.fuzz import documented
from tests.fuzz.effort import EFFORTS, some_of, try_out
from tests.fuzz.money import make_money
from tests.fuzz.mutations import ODD_TEXTS
from tests.fuzz.subscribers import make_subscribers
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db

latin_1 = st.text(st.characters(max_codepoint=255), max_size=60)
"""As WSGI hands the bytes of a header over."""

ODD_HEADERS: dict[str, list[str]] = {
    "HTTP_IDEMPOTENCY_KEY": [
        "",
        " ",
        '"',
        '""',
        '"a',
        'a"b',
        '"a\\',
        '"\\x"',
        "a, b",
        "k" * 255,
        "k" * 256,
        "é",
        "\x7f",
        "a\tb",
    ],
    "HTTP_X_REQUEST_ID": [
        "",
        " ",
        "r" * 100,
        "r" * 101,
        "a\x00b",
        "a b",
        "é",
        "4242424242424242",
        "-",
        "{}",
        "<b>",
        "a\r\nB: c",
    ],
    "HTTP_ACCEPT": [
        "",
        "*/*",
        "text/html",
        "application/xml;q=0.1",
        "application/json;q=x",
        "garbage",
        "a/b;" * 500,
        ",,,;;=",
        "é/é",
    ],
    "HTTP_HOST": [
        "",
        "evil.example",
        "localhost:0",
        "localhost:x",
        "[::1]",
        "[",
        "a b",
        "localhost,localhost",
        "é",
        "127.0.0.1.",
    ],
    "HTTP_ACCEPT_LANGUAGE": ["de", "*", "xx-" * 400, "é", "de;q=nan"],
    "HTTP_ACCEPT_ENCODING": ["gzip", "gzip;q=nan", "é", "," * 900],
    "HTTP_CONTENT_ENCODING": ["gzip", "br", "identity", "x"],
    "HTTP_X_HTTP_METHOD_OVERRIDE": ["DELETE", "GET", "é"],
    "HTTP_X_FORWARDED_HOST": ["evil.example", "é"],
    "HTTP_X_FORWARDED_PROTO": ["https", "é"],
    "HTTP_RANGE": ["bytes=0-", "bytes=-1", "x"],
    "HTTP_IF_NONE_MATCH": ["*", "é"],
    "HTTP_IF_MODIFIED_SINCE": ["yesterday", "é"],
    "HTTP_COOKIE": ["sessionid=x", "csrftoken=é", ";;;=", 'a="\\777"', "x" * 5_000],
    "HTTP_EXPECT": ["100-continue", "x"],
    "HTTP_TRANSFER_ENCODING": ["chunked", "identity", "gzip, chunked", "x"],
    "CONTENT_TYPE": [
        "",
        "application/json",
        "APPLICATION/JSON; CHARSET=UTF-8",
        "application/json; charset=utf-16",
        "text/plain",
        "application/json; charset",
        "application/json; charset=é",
        "application/json; =;;",
        "json",
        "é/é",
        "*/*",
        "application/json; charset=" + '"' * 30,
        "multipart/form-data",
        "multipart/form-data; boundary=é",
        "application/x-www-form-urlencoded",
        "application/problem+json",
        "application/json, text/html",
        "a" * 5_000,
    ],
    "CONTENT_LENGTH": ["", "0", "00", "-1", "+1", "1e1", "1.0", "x", "9" * 25, "٣", "1, 1", " 2", "0x2", "1048577"],
}
AUTHORIZATIONS = [
    "",
    "Bearer",
    "Bearer ",
    "bearer {0}",
    "BEARER  {0} ",
    "Bearer {0},Bearer {0}",
    "Bearer {0} x",
    "Bearer\t{0}",
    "{0}",
    "Basic dXNlcjpwYXNz",
    "Bearer é",
    "Bearer qt_test_",
    "Digest x=y",
    "Token {0}",
    "Bearer \x00",
    "Bearer " + "a" * 9_000,
]
ANSWERED_BEFORE_ROUTING = {400, 405, 406, 411, 413, 415, 422}


def environs(secret: str) -> st.SearchStrategy[dict[str, Any]]:
    """Up to five odd headers beside those of a valid request."""
    odd = st.sampled_from(sorted(ODD_HEADERS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(ODD_HEADERS[name]) | latin_1)
    )
    authorization = st.just(f"Bearer {secret}") | st.sampled_from(AUTHORIZATIONS).map(lambda form: form.format(secret))
    return st.builds(
        lambda pairs, sent: {"HTTP_AUTHORIZATION": sent, "HTTP_IDEMPOTENCY_KEY": "key-1"} | dict(pairs),
        st.lists(odd, max_size=5),
        authorization,
    )


def call(method: str, url: str, path: str, environ: dict[str, Any], body: bytes = b"") -> Any:
    """Send it, and check the answer and, after a refusal, that nothing was stored."""
    before = None if method == "GET" else documented.stored()
    content_type = environ.get("CONTENT_TYPE", "application/json")
    response = Client(raise_request_exception=False).generic(method, url, body, content_type, **environ)
    if response.status_code in ANSWERED_BEFORE_ROUTING:
        documented.check_problem(status=response.status_code, headers=response.headers, body=response.content)
    else:
        documented.check(
            method=method, path=path, status=response.status_code, headers=response.headers, body=response.content
        )
    if before is not None and response.status_code >= 400:
        assert documented.stored() == before
    return response


@EFFORTS
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/invoices"), ("POST", "/invoices"), ("POST", "/payments"), ("POST", "/customers")],
)
def test_odd_headers_get_a_documented_answer(method: str, path: str, effort: str) -> None:
    """Keys, hosts, types, lengths, languages, cookies: never a 5xx, and no request id that is not safe to log."""
    path = f"/api/v1{path}"
    bodies = {
        "/api/v1/invoices": {"amount": 1, "currency": "EUR"},
        "/api/v1/payments": {"order_id": "o", "amount": 1, "currency": "EUR", "payment_method": "tok_visa"},
    }
    body = b"" if method == "GET" else json.dumps(bodies.get(path, {})).encode()

    def check(environ: dict[str, Any]) -> None:
        response = call(method, path, path, environ, body)
        assert 1 <= len(response.headers["X-Request-ID"]) <= 100
        assert response.headers["X-Request-ID"].isascii()
        assert response.headers["X-Request-ID"].isprintable()

    secret = ApiConsumer().secret
    valid = {"HTTP_AUTHORIZATION": f"Bearer {secret}", "HTTP_IDEMPOTENCY_KEY": "key-1"}
    single = ({name: value} for name, values in ODD_HEADERS.items() for value in values)
    for odd in some_of(effort, single, each=5):
        check(valid | odd)
    try_out(effort, check, environ=environs(secret))
    check_invariants()


PARAMETERS = {
    "/customers": ["email", "limit", "cursor"],
    "/invoices": ["status", "customer", "number", "order_id", "created_from", "created_before", "limit", "cursor"],
    "/payments": [
        "status",
        "invoice",
        "order_id",
        "provider",
        "provider_reference",
        "created_from",
        "created_before",
        "limit",
        "cursor",
        "format",
        "page",
        "id",
    ],
}
OF_MONEY = ["status", "payment", "invoice", "provider", "provider_reference", "limit", "cursor"]
PARAMETERS |= {
    "/refunds": [*OF_MONEY, "receipt", "created_from", "created_before"],
    "/receipts": [*OF_MONEY, "received_from", "received_before"],
    "/disputes": [*OF_MONEY, "opened_from", "opened_before"],
    "/webhook-endpoints": ["status", "limit", "cursor"],
    "/payment-methods": ["customer", "detached", "limit", "cursor"],
    "/events": ["type", "aggregate", "correlation_id", "occurred_from", "occurred_before", "limit", "cursor"],
}
ODD_INSTANTS = [
    "2026-11-20T12:00:00Z",
    "2026-11-20",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30T00:00Z",
    "2026-11-20T24:00:00Z",
    "2026-11-20T12:00:60Z",
    "2026-W47-5",
    "1e9",
    "now",
    "2026-11-20T12:00:00+99:99",
    "٢٠٢٦-11-20",
    "WyIwMTliMGY0MSJd",
    "bnVsbA",
    "W10",
    "W251bGxd",
    "e30",
    "WyJcdTAwMDAiXQ",
    "////",
    "a" * 9_000,
    "IiI",
    "WyJwYXlfIl0",
]
texts = st.sampled_from([*ODD_TEXTS, *ODD_INSTANTS, "open", "created", "100", "101", "007", "+5", "٥"]) | st.text(
    max_size=20
)
octets = texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=20)


@EFFORTS
@pytest.mark.parametrize("path", PARAMETERS)
def test_an_odd_query_gets_a_documented_answer(path: str, effort: str) -> None:
    """Any bytes as any parameter, repeated, unknown or without a value."""
    environ = {"HTTP_AUTHORIZATION": f"Bearer {ApiConsumer().secret}"}
    make_customer(), make_invoice(), make_payment(), make_money()
    pair = st.tuples(
        st.sampled_from(PARAMETERS[path]) | st.text(max_size=5),
        octets,
        st.sampled_from(["=", "=", "=", "", "[]=", "=&", "=%", "=%zz"]),
    )
    queries = st.lists(pair, max_size=4).map(
        lambda pairs: "&".join(quote_from_bytes(n.encode()) + s + quote_from_bytes(v) for n, v, s in pairs)
    )

    def check(query: str) -> None:
        call("GET", f"/api/v1{path}?{query}", f"/api/v1{path}", environ)

    for name, text in some_of(effort, itertools.product(PARAMETERS[path], [*ODD_TEXTS, *ODD_INSTANTS]), each=29):
        check(f"{name}={quote_from_bytes(text.encode('utf-8', 'surrogatepass'))}")
    try_out(effort, check, query=queries)


BODIES = {
    "pay": b'{"payment_method": "tok_visa"}',
    "resolve": b'{"status": "failed"}',
    "dispose": b'{"disposition": "return"}',
}
"""Of the operations that take no empty one."""


@EFFORTS
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/customers/{customer_id}"),
        ("PATCH", "/customers/{customer_id}"),
        ("GET", "/invoices/{invoice_id}"),
        ("POST", "/invoices/{invoice_id}/pay"),
        ("POST", "/invoices/{invoice_id}/void"),
        ("GET", "/payments/{payment_id}"),
        ("POST", "/payments/{payment_id}/confirm"),
        ("POST", "/payments/{payment_id}/fail"),
        ("POST", "/payments/{payment_id}/cancel"),
        ("POST", "/payments/{payment_id}/refund"),
        ("POST", "/payments/{payment_id}/resolve"),
        ("GET", "/refunds/{refund_id}"),
        ("POST", "/refunds/{refund_id}/confirm"),
        ("POST", "/refunds/{refund_id}/fail"),
        ("GET", "/receipts/{receipt_id}"),
        ("POST", "/receipts/{receipt_id}/dispose"),
        ("GET", "/disputes/{dispute_id}"),
        ("GET", "/payment-methods/{method_id}"),
        ("DELETE", "/payment-methods/{method_id}"),
        ("POST", "/payment-methods/{method_id}/default"),
        ("GET", "/events/{event_id}"),
        ("DELETE", "/webhook-endpoints/{endpoint_id}"),
        ("GET", "/webhook-endpoints/{endpoint_id}/deliveries"),
        ("POST", "/webhook-deliveries/{delivery_id}/resend"),
    ],
)
def test_an_odd_id_is_nobodys(method: str, path: str, effort: str) -> None:
    """Any bytes where an id should be: 404, or a refusal of the URL itself."""
    authorization = {"HTTP_AUTHORIZATION": f"Bearer {ApiConsumer().secret}"}
    keys = itertools.count(1)
    template = f"/api/v1{path}"
    real = [make_customer().id, make_invoice().id, make_payment().id, *make_money(), *make_subscribers()]
    almost = st.builds(
        lambda id, position, other: id[:position] + other + id[position + 1 :],
        st.sampled_from(real),
        st.integers(0, 31),
        st.characters(),
    )
    ids = (octets | almost.map(lambda text: text.encode("utf-8", "surrogatepass"))).filter(lambda id: b"/" not in id)
    before, _, after = template.partition("{")
    body = BODIES.get(path.rpartition("/")[2], b"")

    def check(id: bytes) -> None:
        url = before + quote_from_bytes(id, safe="") + after.partition("}")[2]
        environ = {**authorization, "HTTP_IDEMPOTENCY_KEY": f"key-{next(keys)}"}
        response = call(method, url, template, environ, b"" if method == "GET" else body)
        is_real = id in {text.encode() for text in real}
        assert response.status_code in (400, 404, 405, 422) or is_real or not id.strip()

    try_out(effort, check, id=ids)
    check_invariants()
