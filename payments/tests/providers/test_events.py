"""Webhook bodies: what they come to mean, and that odd ones mean nothing."""

import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from payments.providers.base import Canceled, Declined, MalformedEvent, Outcome, Pending, ProviderEvent, Succeeded
from payments.tests.providers.conftest import ACCOUNT, provider_at

ADAPTER = provider_at("http://127.0.0.1:9")


def event(type: str = "charge.succeeded", **changes: Any) -> dict[str, Any]:
    data = {
        "charge": "ch_1",
        "refund": None,
        "dispute": None,
        "reference": "pay_1",
        "amount": 1250,
        "currency": "EUR",
        "failure_code": None,
    }
    return {
        "id": "evt_1",
        "type": type,
        "created_at": "2026-11-20T12:00:00Z",
        "account": ACCOUNT,
        "data": data | changes,
    }


def parsed(document: object) -> ProviderEvent:
    return ADAPTER.parse_event(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        (event("charge.pending"), Pending("ch_1")),
        (event("charge.succeeded"), Succeeded("ch_1", 1250, "EUR", ACCOUNT)),
        (
            event("charge.failed", failure_code="insufficient_funds"),
            Declined("insufficient_funds", retryable=True, reference="ch_1"),
        ),
        (
            event("charge.failed", failure_code="stolen_card"),
            Declined("stolen_card", retryable=False, reference="ch_1"),
        ),
        (event("charge.failed", failure_code="new"), Declined("new", retryable=False, reference="ch_1")),
        (event("charge.failed"), Declined("unspecified", retryable=False, reference="ch_1")),
        (event("charge.canceled"), Canceled("ch_1")),
        (event("charge.expired"), None),
        (event("refund.succeeded", refund="re_1", reference=None), None),
        (event("refund.failed", refund="re_1"), None),
        (event("dispute.opened", dispute="dp_1"), None),
        (event("charge"), None),
    ],
)
def test_an_event_means_an_outcome(document: dict[str, Any], outcome: Outcome | None) -> None:
    """The four charge events carry an outcome, every other type none."""
    assert parsed(document).outcome == outcome


def test_an_event_is_read_whole() -> None:
    """References, amount, currency, account and time come through."""
    assert parsed(event("refund.created", refund="re_1", dispute="dp_1")) == ProviderEvent(
        id="evt_1",
        type="refund.created",
        account=ACCOUNT,
        created_at=datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC),
        our_reference="pay_1",
        charge_reference="ch_1",
        refund_reference="re_1",
        dispute_reference="dp_1",
        amount=1250,
        currency="EUR",
    )


def test_references_that_are_left_out_are_empty() -> None:
    """A type that we do not handle needs no data."""
    empty = parsed(event("balance.available") | {"data": {}})
    assert (empty.our_reference, empty.charge_reference, empty.refund_reference, empty.amount) == ("", "", "", None)


@pytest.mark.parametrize("created_at", [1_795_176_000, "2026-11-20T13:00:00+01:00", "2026-11-20T12:00:00.000Z"])
def test_an_instant_may_be_iso_8601_or_unix_seconds(created_at: object) -> None:
    """All of these are noon UTC."""
    assert parsed(event() | {"created_at": created_at}).created_at.isoformat() == "2026-11-20T12:00:00+00:00"


def test_fields_that_we_do_not_know_are_ignored() -> None:
    """Providers add fields without asking."""
    assert parsed(event(new_field=[1]) | {"livemode": False}).id == "evt_1"


ODD: list[object] = [
    event() | {"id": 7},
    event() | {"id": ""},
    event() | {"id": "a b"},
    event() | {"id": "x" * 201},
    event() | {"id": "evt_\x00"},
    event() | {"type": None},
    event() | {"account": ["acct"]},
    event() | {"created_at": "yesterday"},
    event() | {"created_at": "2026-11-20T12:00:00"},
    event() | {"created_at": 10**15},
    event() | {"created_at": True},
    event() | {"created_at": 1.5},
    event() | {"data": None},
    event() | {"data": [event()["data"]]},
    event(amount="1250"),
    event(amount=12.5),
    event(amount=True),
    event(amount=-1),
    event(amount=None),
    event(amount=10**12),
    event(amount=10**30),
    event(currency="eur"),
    event(currency="EURO"),
    event(currency=None),
    event(currency=978),
    event(charge=None),
    event(charge={"id": "ch_1"}),
    event(reference=42),
    event(failure_code=["x"], type="charge.failed"),
    event("refund.succeeded", amount="1"),
    [],
    None,
    "event",
    1,
]


@pytest.mark.parametrize("document", ODD)
def test_an_event_of_an_odd_shape_is_malformed(document: object) -> None:
    """What is signed and yet not an event raises MalformedEvent and nothing else."""
    with pytest.raises(MalformedEvent):
        parsed(document)


GOOD = json.dumps(event())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{",
        GOOD.encode("utf-16"),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode() + b"{}",
        GOOD.replace("1250", "NaN").encode(),
        GOOD.replace("1250", "Infinity").encode(),
        GOOD.replace("1250", "1e999").encode(),
        GOOD.replace("1250", "9" * 10_000).encode(),
        GOOD.replace('"amount": 1250', '"amount": 1250, "amount": 1').encode(),
        GOOD.replace("evt_1", "\\ud800").encode(),
        GOOD.replace("null", "[" * 30 + "]" * 30).encode(),
        b"[" * 60_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
)
def test_bytes_that_are_not_strict_json_are_malformed(body: bytes) -> None:
    """Everything the json module lets through too easily is refused."""
    with pytest.raises(MalformedEvent):
        ADAPTER.parse_event(body)


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "type", "data", "amount"]), inner)
        ),
    ).map(lambda document: json.dumps(document).encode())
)
@hypothesis_settings(max_examples=300, deadline=None)
def test_no_bytes_raise_anything_but_malformed_event(body: bytes) -> None:
    """An adapter that crashes on a signed body would answer 500 for ever."""
    try:
        ADAPTER.parse_event(body)
    except MalformedEvent:
        return
    raise AssertionError("an arbitrary document can hardly be an event")


@given(st.dictionaries(st.sampled_from(sorted(event()["data"])), st.none() | st.integers() | st.text() | st.floats()))
@hypothesis_settings(max_examples=300, deadline=None)
def test_an_event_is_either_read_exactly_or_malformed(changes: dict[str, Any]) -> None:
    """What gets through has an amount in range and references that fit their columns."""
    try:
        read = parsed(event(**changes))
    except MalformedEvent:
        return
    assert isinstance(read.amount, int)
    assert 0 <= read.amount < 10**12
    assert all(len(text) <= 200 and text.isascii() for text in (read.our_reference, read.charge_reference))
