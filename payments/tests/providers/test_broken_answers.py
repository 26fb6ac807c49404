"""The adapter against providers that break: whatever happens on the wire is Unknown, and never a decline."""

import datetime
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config.embedded.environment import free_port
from payments.providers.base import (
    ListingInterrupted,
    NotFound,
    Unknown,
)
from payments.providers.simulated.adapter import SimulatedProvider
from payments.tests.providers.broken import BROKEN, CALLS, CHARGE, REQUEST, answering, error
from payments.tests.providers.conftest import ACCOUNT, SECRET, provider_at
from payments.tests.providers.receivers import misbehaving

NOW = datetime.datetime.now(tz=datetime.UTC)


@pytest.mark.parametrize("behaviour", BROKEN)
def test_a_broken_answer_to_a_charge_is_unknown(behaviour: str) -> None:
    """Whatever comes back, or nothing: Unknown with a reason, in time, and no exception."""
    with misbehaving(BROKEN[behaviour]) as url:
        provider = provider_at(url, timeout_seconds=0.3)
        started = time.monotonic()
        outcome = provider.charge(REQUEST)
        provider.close()
        assert time.monotonic() - started < 2.5
    assert isinstance(outcome, Unknown)
    assert outcome.detail
    assert len(outcome.detail) <= 200


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "behaviour",
    ["resets", "closes", "sends_gigabytes", "empty", "html", "list", "redirect", "http_404", "http_409", "http_500"],
)
def test_a_broken_answer_to_any_call_is_unknown(call: str, behaviour: str) -> None:
    """A 404 that is not the provider's own "resource_missing" is no answer either."""
    with misbehaving(BROKEN[behaviour]) as url:
        provider = provider_at(url, timeout_seconds=0.3)
        assert isinstance(CALLS[call](provider), Unknown)
        provider.close()


@pytest.mark.parametrize("call", CALLS)
def test_a_refused_connection_is_unknown(call: str) -> None:
    """Even though nothing was sent: the service decides what that is worth, not the adapter."""
    provider = provider_at(f"http://127.0.0.1:{free_port()}")
    assert isinstance(CALLS[call](provider), Unknown)
    assert isinstance(provider.charge(REQUEST), Unknown)
    provider.close()


@pytest.mark.parametrize(
    "found",
    [
        {"data": [CHARGE, CHARGE], "has_more": False},
        {"data": [CHARGE], "has_more": True},
        {"data": [CHARGE]},
        {"data": {}, "has_more": False},
        {"data": ["ch_1"], "has_more": False},
        {"data": [{"id": "../../control/dials"}], "has_more": False},
    ],
)
def test_a_look_up_that_is_not_clear_is_unknown(found: dict[str, Any]) -> None:
    """Two charges with one reference above all."""
    with misbehaving(answering(200, found)) as url:
        provider = provider_at(url)
        assert isinstance(provider.retrieve(payment_id="pay_1", provider_reference=""), Unknown)
        provider.close()


@pytest.mark.parametrize("call", ["cancel", "cancel_by_ours", "retrieve", "retrieve_by_ours", "retrieve_refund"])
def test_a_refusal_of_a_question_is_no_decline(call: str) -> None:
    """That we may not ask says nothing about the charge."""
    with misbehaving(error(400, "invalid_request_error", "parameter_invalid")) as url:
        provider = provider_at(url)
        assert isinstance(CALLS[call](provider), Unknown)
        provider.close()


@given(st.integers(100, 599), st.binary(max_size=300))
@hypothesis_settings(max_examples=300, deadline=None)
def test_no_answer_of_any_bytes_raises(status: int, body: bytes) -> None:
    """Arbitrary bytes under an arbitrary status are Unknown for every call."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, stream=httpx.ByteStream(body)))
    provider = SimulatedProvider(
        name="simulated",
        account=ACCOUNT,
        base_url="http://simulator",
        timeout_seconds=1,
        webhook_secrets=[SECRET],
        transport=transport,
    )
    for call in (lambda provider: provider.charge(REQUEST), *CALLS.values()):
        assert isinstance(call(provider), Unknown)
    provider.close()


@pytest.mark.parametrize("behaviour", ["resets", "html", "http_500", "list", "created"])
def test_books_that_cannot_be_read_raise(behaviour: str) -> None:
    """An empty list would look like an empty account."""
    with misbehaving(BROKEN[behaviour]) as url:
        provider = provider_at(url)
        with pytest.raises(ListingInterrupted):
            list(provider.list(since=NOW, until=NOW))
        provider.close()


@pytest.mark.parametrize(
    "page",
    [
        {"data": [], "has_more": True, "next_cursor": "0"},
        {"data": [], "has_more": True, "next_cursor": None},
        {"data": [{"kind": "gift"}], "has_more": False},
        {"data": ["line"], "has_more": False},
    ],
)
def test_odd_books_raise(page: dict[str, Any]) -> None:
    """A list that runs in circles would never end."""
    with misbehaving(answering(200, page)) as url:
        provider = provider_at(url)
        with pytest.raises(ListingInterrupted):
            list(provider.list(since=NOW, until=NOW))
        provider.close()


def test_a_charge_that_is_missing_when_made_is_unknown() -> None:
    """Not found answers a question, and a charge asks none."""
    with misbehaving(error(404, "invalid_request_error", "resource_missing")) as url:
        provider = provider_at(url)
        assert isinstance(provider.charge(REQUEST), Unknown)
        assert provider.retrieve(payment_id="pay_1", provider_reference="ch_1") == NotFound()
        provider.close()
