"""What the simulator answers to good and bad requests of a merchant."""

import json
from typing import Any

import pytest

from payments.providers.simulated.simulator.server import SimulatorServer
from payments.providers.simulated.simulator.tokens import TEST_CARDS
from payments.tests.providers.caller import CHARGE, Caller


def test_a_charge_is_made_found_and_listed(caller: Caller) -> None:
    """By its id and by our reference."""
    status, charge = caller.charge()
    assert (status, charge["status"], charge["reference"]) == (200, "succeeded", "pay_1")
    assert caller.call("GET", f"/v1/charges/{charge['id']}") == (200, charge)
    assert caller.call("GET", "/v1/charges?reference=pay_1")[1]["data"] == [charge]
    assert caller.call("GET", "/v1/charges?reference=pay_2")[1]["data"] == []


def test_a_list_is_paged(caller: Caller) -> None:
    """The cursor of one page starts the next, until there is no more."""
    for n in range(5):
        caller.charge(key=f"pay_{n}")
    seen, cursor = [], "0"
    while cursor:
        _, page = caller.call("GET", f"/v1/transactions?limit=2&cursor={cursor}")
        seen += [line["our_reference"] for line in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] == bool(cursor)
    assert seen == [f"pay_{n}" for n in range(5)]


def test_a_decline_is_a_402_with_its_charge(caller: Caller) -> None:
    """As Stripe does it."""
    status, body = caller.charge("tok_declined_insufficient_funds")
    assert (status, body["error"]["type"], body["error"]["code"]) == (402, "card_error", "insufficient_funds")
    assert body["error"]["charge"]["status"] == "failed"


@pytest.mark.parametrize("description", ["two\nlines", "x" * 1000, "\x00", "Rechnung für ¥ 🧾"])
def test_no_description_stops_a_charge(caller: Caller, description: str) -> None:
    """It is for people: what fits is kept as it is."""
    status, charge = caller.call("POST", "/v1/charges", CHARGE | {"description": description}, key="pay_1")
    assert (status, charge["description"]) == (200, description)


@pytest.mark.parametrize(("number", "token"), TEST_CARDS.items())
def test_a_published_test_number_becomes_its_token(caller: Caller, number: str, token: str) -> None:
    """With blanks or without, and the number is not repeated."""
    grouped = f"{number[:4]} {number[4:]}"
    for text in (number, grouped):
        status, body = caller.call("POST", "/v1/tokens", {"card": {"number": text, "cvc": "123"}})
        assert (status, body["id"]) == (200, token)
        assert number not in json.dumps(body)


@pytest.mark.parametrize(
    "body", [{}, {"card": "4242"}, {"card": {"number": 4242}}, {"card": {"number": "4111111111111111"}}]
)
def test_another_number_becomes_no_token(caller: Caller, body: dict[str, Any]) -> None:
    """The simulator is no place for real cards."""
    assert caller.call("POST", "/v1/tokens", body)[0] == 400


BAD_CHARGES: list[Any] = [
    {name: value for name, value in CHARGE.items() if name != "amount"},
    CHARGE | {"amount": 10.5},
    CHARGE | {"amount": "1000"},
    CHARGE | {"amount": True},
    CHARGE | {"amount": 0},
    CHARGE | {"amount": -1},
    CHARGE | {"amount": 10**13},
    CHARGE | {"currency": "eur"},
    CHARGE | {"currency": None},
    CHARGE | {"payment_method": ""},
    CHARGE | {"payment_method": ["tok_visa"]},
    CHARGE | {"payment_method": "4242 4242 4242 4242"},
    CHARGE | {"reference": "x" * 201},
    CHARGE | {"reference": "a\x00b"},
    CHARGE | {"surprise": 1},
    CHARGE | {"description": "x" * 1001},
    CHARGE | {"description": None},
    CHARGE | {"reference": "\ud800"},
    CHARGE | {"description": "\ud800"},
    CHARGE | {"amount": 10**30},
    [CHARGE],
    "charge",
]


@pytest.mark.parametrize("body", BAD_CHARGES)
def test_a_bad_charge_is_refused(simulator: SimulatorServer, caller: Caller, body: Any) -> None:
    """400, a message that names the field, and no charge."""
    status, answer = caller.call("POST", "/v1/charges", body, key="pay_1")
    assert status == 400
    assert answer["error"]["message"]
    assert "4242" not in json.dumps(answer)
    assert simulator.core.charges() == []


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[" * 30_000, b'{"amount": NaN}', b'{"a": 1, "a": 2}', b""])
def test_a_malformed_body_is_refused(caller: Caller, raw: bytes) -> None:
    """400, never a 500."""
    assert caller.call("POST", "/v1/charges", raw=raw, key="pay_1")[0] == 400


@pytest.mark.parametrize("key", [None, "x" * 256, "with blank"])
def test_a_charge_without_a_proper_key_is_refused(caller: Caller, key: str | None) -> None:
    """Nobody charges without protection against doing it twice."""
    status, body = caller.call("POST", "/v1/charges", CHARGE, key=key)
    assert (status, body["error"]["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/charges/ch_nobody", 404),
        ("GET", "/v1/charges/../../control/dials", 404),
        ("POST", "/v1/charges/ch_nobody/cancel", 404),
        ("GET", "/v1/refunds/re_nobody", 404),
        ("GET", "/v1/payment_methods/tok_nobody", 404),
        ("POST", "/v1/payment_methods/tok_visa", 405),
        ("POST", "/control/charges/ch_nobody/dispute", 404),
        ("POST", "/control/webhooks/evt_nobody/resend", 404),
        ("DELETE", "/v1/charges", 405),
        ("PUT", "/v1/tokens", 405),
        ("GET", "/v1/charges?limit=1000", 400),
        ("GET", "/v1/charges?cursor=x", 400),
        ("GET", "/v1/transactions?since=yesterday", 400),
        ("PROPFIND", "/v1/charges", 501),
    ],
)
def test_an_unknown_address_or_method_is_refused(caller: Caller, method: str, path: str, status: int) -> None:
    """With a status that says which, as JSON."""
    assert caller.call(method, path, {} if method == "POST" else None)[0] == status
