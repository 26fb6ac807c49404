"""Every way of answering badly that we could think of, each as a server's behaviour on a real socket."""

import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from payments.providers.base import (
    ChargeRequest,
    MethodDetails,
    Outcome,
    RefundRequest,
)
from payments.providers.simulated.adapter import SimulatedProvider
from payments.tests.providers.conftest import ACCOUNT
from payments.tests.providers.receivers import Misbehaviour

REQUEST = ChargeRequest("pay_1", 1250, "EUR", "tok_visa")
CHARGE = {
    "id": "ch_1",
    "account": ACCOUNT,
    "reference": "pay_1",
    "status": "succeeded",
    "amount": 1250,
    "currency": "EUR",
    "failure_code": None,
}


def http(status: int, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def answering(status: int, document: object, *headers: str) -> Misbehaviour:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return lambda connection, _: connection.sendall(http(status, body, *headers))


def error(status: int, type: str = "api_error", code: str | None = "x", **extra: Any) -> Misbehaviour:
    return answering(status, {"error": {"type": type, "code": code, "message": "No.", **extra}})


def sending(data: bytes) -> Misbehaviour:
    return lambda connection, _: connection.sendall(data)


def resets(connection: socket.socket, _: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closes(connection: socket.socket, _: bytes) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def hangs(connection: socket.socket, _: bytes) -> None:
    connection.recv(1)


def dribbles_its_head(connection: socket.socket, _: bytes) -> None:
    for _n in range(80):
        connection.sendall(b"H" if _n == 0 else b"T")
        time.sleep(0.05)


def dribbles_its_body(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _n in range(80):
        connection.sendall(b" ")
        time.sleep(0.05)


def sends_gigabytes(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


def sends_endless_headers(connection: socket.socket, _: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Filler: " + b"y" * 4096 + b"\r\n")


BROKEN: dict[str, Misbehaviour] = {
    "resets": resets,
    "closes": closes,
    "hangs": hangs,
    "dribbles_its_head": dribbles_its_head,
    "dribbles_its_body": dribbles_its_body,
    "sends_gigabytes": sends_gigabytes,
    "sends_endless_headers": sends_endless_headers,
    "is_no_http": sending(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "truncates": sending(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": "ch_1"'),
    "bad_chunks": sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "two_lengths": sending(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "empty": answering(200, b""),
    "html": answering(200, b"<html>It works!</html>"),
    "latin_1": answering(200, '{"id": "é"}'.encode("latin-1")),
    "gzip": answering(200, b"\x1f\x8b\x08\x00", "Content-Encoding: gzip"),
    "too_long": answering(200, json.dumps(CHARGE | {"filler": "x" * 65536}).encode()),
    "list": answering(200, [CHARGE]),
    "null": answering(200, None),
    "number": answering(200, 42),
    "deep": answering(200, b"[" * 5000),
    "nan": answering(200, json.dumps(CHARGE | {"amount": float("nan")}).encode()),
    "duplicate_keys": answering(200, json.dumps(CHARGE).encode()[:-1] + b', "status": "failed"}'),
    "redirect": answering(302, CHARGE, "Location: http://127.0.0.1:9/"),
    "redirect_nowhere": answering(307, CHARGE, "Location: http://["),
    "created": answering(201, CHARGE),
    "no_content": sending(b"HTTP/1.1 204 No Content\r\n\r\n"),
    **{
        f"http_{status}": error(status)
        for status in (401, 403, 404, 405, 408, 409, 422, 425, 429, 500, 502, 503, 504, 599)
    },
    "bad_gateway_html": answering(502, b"<html>Bad gateway</html>"),
    "idempotency_error": error(400, "idempotency_error", "idempotency_key_reused"),
    "400_without_code": error(400, "invalid_request_error", None),
    "400_html": answering(400, b"<html>400</html>"),
    "402_without_charge": error(402, "card_error", "stolen_card"),
    "402_without_code": error(402, "card_error", None, charge=CHARGE | {"status": "failed"}),
    "402_of_a_success": error(402, "card_error", "stolen_card", charge=CHARGE),
    "402_of_somebody_else": error(
        402, "card_error", "stolen_card", charge=CHARGE | {"status": "failed", "reference": "pay_2"}
    ),
    "402_html": answering(402, b"<html>Pay up</html>"),
    "error_is_a_text": answering(402, {"error": "stolen_card"}),
    "other_reference": answering(200, CHARGE | {"reference": "pay_2"}),
    "no_reference": answering(200, CHARGE | {"reference": None}),
    "other_account": answering(200, CHARGE | {"account": "acct_other"}),
    "no_account": answering(200, {name: value for name, value in CHARGE.items() if name != "account"}),
    "new_status": answering(200, CHARGE | {"status": "requires_action"}),
    "no_status": answering(200, CHARGE | {"status": None}),
    "no_id": answering(200, CHARGE | {"id": ""}),
    "text_amount": answering(200, CHARGE | {"amount": "1250"}),
    "float_amount": answering(200, CHARGE | {"amount": 12.5}),
    "huge_amount": answering(200, CHARGE | {"amount": 10**20}),
    "lower_case_currency": answering(200, CHARGE | {"currency": "eur"}),
}


CALLS: dict[str, Callable[[SimulatedProvider], Outcome | MethodDetails]] = {
    "inspect_method": lambda provider: provider.inspect_method("tok_visa"),
    "refund": lambda provider: provider.refund(RefundRequest("re_1", "ch_1", 1250, "EUR")),
    "cancel": lambda provider: provider.cancel(payment_id="pay_1", provider_reference="ch_1"),
    "cancel_by_ours": lambda provider: provider.cancel(payment_id="pay_1", provider_reference=""),
    "retrieve": lambda provider: provider.retrieve(payment_id="pay_1", provider_reference="ch_1"),
    "retrieve_by_ours": lambda provider: provider.retrieve(payment_id="pay_1", provider_reference=""),
    "retrieve_refund": lambda provider: provider.retrieve_refund(refund_id="re_1", provider_reference="re_1"),
    "retrieve_refund_by_ours": lambda provider: provider.retrieve_refund(refund_id="re_1", provider_reference=""),
}
