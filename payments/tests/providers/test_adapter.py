"""What the adapter makes of the simulator's answers, and how it uses its connections."""

import datetime
import json
import os
import socket
import threading
import time

import pytest

from config.kernel import correlation
from payments.providers import registry
from payments.providers.base import (
    ChargeRequest,
    Declined,
    MethodDetails,
    Outcome,
    RefundRequest,
    Succeeded,
    Unknown,
)
from payments.providers.simulated.adapter import SimulatedProvider
from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.objects import NewCharge
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.providers.broken import CHARGE, REQUEST, answering, http
from payments.tests.providers.conftest import ACCOUNT, SECRET, provider_at
from payments.tests.providers.receivers import misbehaving

NOW = datetime.datetime.now(tz=datetime.UTC)


@pytest.mark.parametrize("reference", ["..", "../control/dials", "a b", "ch_1?x", "é", "x" * 201])
def test_a_reference_that_is_no_reference_is_never_put_into_an_address(
    provider: SimulatedProvider, reference: str
) -> None:
    """It may have come in with a webhook."""
    assert isinstance(provider.retrieve(payment_id="pay_1", provider_reference=reference), Unknown)


def test_a_refusal_of_the_request_is_a_decline(provider: SimulatedProvider) -> None:
    """The provider looked at it and did nothing: it will not do better next time."""
    outcome = provider.charge(ChargeRequest("pay_1", 0, "EUR", "tok_visa"))
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.retryable) == ("parameter_invalid", False)


def test_a_provider_that_was_restarted_is_reached_at_once() -> None:
    """A connection that died meanwhile is noticed before anything is sent on it."""
    with SimulatorServer(account=ACCOUNT, webhook_secret=SECRET) as first:
        provider = provider_at(first.url, timeout_seconds=5)
        assert isinstance(provider.charge(REQUEST), Succeeded)
    with SimulatorServer(account=ACCOUNT, webhook_secret=SECRET, port=int(first.url.rpartition(":")[2])):
        assert isinstance(provider.charge(REQUEST), Succeeded)
        provider.close()


def test_a_decline_that_we_do_not_know_is_not_retryable(provider: SimulatedProvider) -> None:
    """Better an invoice to be paid by hand than a stolen card charged three times."""
    outcome = provider.charge(ChargeRequest("pay_1", 1250, "EUR", "tok_declined_new_code"))
    assert isinstance(outcome, Declined)
    assert (outcome.code, outcome.retryable) == ("a_code_nobody_documented", False)


@pytest.mark.parametrize(
    "token",
    ["tok_timeout_before", "tok_timeout_after", "tok_5xx", "tok_5xx_after", "tok_garbage_answer"],
)
def test_every_accident_ends_in_one_charge(provider: SimulatedProvider, simulator: SimulatorServer, token: str) -> None:
    """Unknown first; the same key again finds or makes the one charge."""
    request = ChargeRequest("pay_1", 1250, "EUR", token)
    assert isinstance(provider.charge(request), Unknown)
    assert isinstance(provider.charge(request), Succeeded)
    assert simulator.core.charges_per_reference() == {"pay_1": {"charges": 1, "succeeded": 1}}


def test_two_charges_with_our_reference_are_unknown(provider: SimulatedProvider, simulator: SimulatorServer) -> None:
    """Nobody may pick one of them: a person has to look."""
    for key in ("pay_1", "another_key"):
        simulator.core.charge(NewCharge(1250, "EUR", "tok_visa", "pay_1"), key=key, now=time.time())
    outcome = provider.retrieve(payment_id="pay_1", provider_reference="")
    assert outcome == Unknown("the provider has 2 objects with our reference")


@pytest.mark.parametrize("token", ["tok_wrong_reference", "tok_wrong_account"])
def test_an_answer_about_somebody_else_is_unknown(provider: SimulatedProvider, token: str) -> None:
    """Now and when it is looked up."""
    assert isinstance(provider.charge(ChargeRequest("pay_1", 1250, "EUR", token)), Unknown)
    assert isinstance(provider.retrieve(payment_id="pay_1", provider_reference=""), Unknown)


@pytest.mark.parametrize(
    ("token", "amount", "currency"), [("tok_wrong_amount", 1249, "EUR"), ("tok_wrong_currency", 1250, "USD")]
)
def test_a_mismatch_is_reported_as_the_provider_says(
    provider: SimulatedProvider, token: str, amount: int, currency: str
) -> None:
    """What to do about it is the service's business."""
    outcome = provider.charge(ChargeRequest("pay_1", 1250, "EUR", token))
    assert isinstance(outcome, Succeeded)
    assert (outcome.amount, outcome.currency) == (amount, currency)


def test_scar_hyperswitch_3751_a_refund_whose_answer_was_lost_is_found(
    provider: SimulatedProvider, simulator: SimulatorServer
) -> None:
    """Its provider id was never learned: our reference leads to it, and asking again refunds nothing twice."""
    charge = provider.charge(REQUEST)
    assert isinstance(charge, Succeeded)
    simulator.core.dials = Dials(timeout_after=1, hang_seconds=0.2)
    refund = RefundRequest("re_1", charge.reference, 1250, "EUR")
    assert isinstance(provider.refund(refund), Unknown)
    simulator.core.dials = Dials()
    found = provider.retrieve_refund(refund_id="re_1", provider_reference="")
    assert isinstance(found, Succeeded)
    assert provider.refund(refund) == found
    assert len(simulator.core.refunds()) == 1


def test_scar_hyperswitch_5298_a_refunds_webhook_carries_both_references(
    provider: SimulatedProvider, simulator: SimulatorServer
) -> None:
    """Whichever of the two we know, the refund is found."""
    charge = provider.charge(REQUEST)
    assert isinstance(charge, Succeeded)
    refund = provider.refund(RefundRequest("re_1", charge.reference, 1250, "EUR"))
    assert isinstance(refund, Succeeded)
    sent = simulator.core.webhooks.shown(after=0, limit=10)[-1]["body"]
    event = provider.parse_event(json.dumps(sent).encode())
    assert (event.type, event.our_reference, event.refund_reference) == ("refund.succeeded", "re_1", refund.reference)
    assert event.charge_reference == charge.reference


def test_scar_lago_643_yen_arrive_as_they_were_sent(provider: SimulatedProvider) -> None:
    """1250 yen stay 1250 yen from the request to the provider's books."""
    outcome = provider.charge(ChargeRequest("pay_1", 1250, "JPY", "tok_visa"))
    assert isinstance(outcome, Succeeded)
    [line] = provider.list(since=NOW - datetime.timedelta(days=1), until=NOW + datetime.timedelta(days=1))
    assert (outcome.amount, line.amount, line.currency) == (1250, 1250, "JPY")


def test_the_correlation_id_goes_along() -> None:
    """The provider's support can find the request by it."""
    heard: list[bytes] = []

    def listens(connection: socket.socket, head: bytes) -> None:
        heard.append(head)
        connection.sendall(http(200, json.dumps(CHARGE).encode()))

    with misbehaving(listens) as url, correlation.bind("req_of_this_test"):
        provider = provider_at(url)
        assert isinstance(provider.charge(REQUEST), Succeeded)
        provider.close()
    assert b"X-Request-ID: req_of_this_test\r\n" in heard[0]
    assert b"Idempotency-Key: pay_1\r\n" in heard[0]


def test_a_proxy_in_the_environment_is_not_used(provider: SimulatedProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Payments do not go where an environment variable points."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert isinstance(provider.charge(REQUEST), Succeeded)


def test_connections_are_used_again_by_many_threads(simulator: SimulatorServer) -> None:
    """200 calls from 8 threads of one adapter: all succeed, over few connections."""
    provider = provider_at(simulator.url, timeout_seconds=10)
    outcomes: list[Outcome] = []

    def work(worker: int) -> None:
        for n in range(25):
            outcomes.append(provider.charge(ChargeRequest(f"pay_{worker}_{n}", 100, "EUR", "tok_visa")))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({outcome for outcome in outcomes if isinstance(outcome, Succeeded)}) == 200
    assert simulator.connections_accepted <= 8
    provider.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_opens_connections_of_its_own(simulator: SimulatorServer) -> None:
    """Two processes on one connection would read each other's answers."""
    provider = provider_at(simulator.url, timeout_seconds=10)
    provider.charge(REQUEST)
    child = os.fork()
    if child == 0:
        outcome = provider.charge(ChargeRequest("pay_2", 1250, "EUR", "tok_visa"))
        os._exit(0 if isinstance(outcome, Succeeded) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert isinstance(provider.charge(ChargeRequest("pay_3", 1250, "EUR", "tok_visa")), Succeeded)
    assert simulator.connections_accepted == 2
    provider.close()


@pytest.mark.parametrize("base_url", ["", "localhost:8001", "ftp://localhost", "http://"])
def test_an_address_that_is_none_is_refused_at_the_start(base_url: str) -> None:
    """Not at the first payment."""
    with pytest.raises(ValueError, match="address"):
        provider_at(base_url)


def test_the_registry_builds_each_provider_once() -> None:
    """From settings, by name; an unknown name is the caller's mistake."""
    assert registry.get("simulated") is registry.get("simulated")
    assert isinstance(registry.get("simulated"), SimulatedProvider)
    assert registry.get("manual").settles_itself is False
    with pytest.raises(registry.UnknownProvider, match="nobody"):
        registry.get("nobody")


def test_the_secret_is_never_part_of_what_is_shown(provider: SimulatedProvider) -> None:
    """Neither in a repr nor in an outcome."""
    assert SECRET not in repr(provider)


METHOD: dict[str, object] = {
    "id": "tok_visa",
    "account": ACCOUNT,
    "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034},
}


def _card(**changes: object) -> dict[str, object]:
    card: dict[str, object] = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034}
    return METHOD | {"card": card | changes}


@pytest.mark.parametrize(
    "document",
    [
        METHOD | {"id": "tok_amex"},
        METHOD | {"account": "acct_other"},
        METHOD | {"card": None},
        {name: value for name, value in METHOD.items() if name != "account"},
        _card(last4="424"),
        _card(last4="4242424242424242"),
        _card(last4=4242),
        _card(last4="42x2"),
        _card(brand=""),
        _card(brand="v" * 51),
        _card(exp_month=0),
        _card(exp_month=13),
        _card(exp_month="12"),
        _card(exp_month=True),
        _card(exp_year=34),
        _card(exp_year=None),
    ],
)
def test_a_description_that_is_not_as_agreed_is_unknown(document: dict[str, object]) -> None:
    """About another token or account, half of a card, or more of one than anybody may see."""
    with misbehaving(answering(200, document)) as url:
        provider = provider_at(url, timeout_seconds=1)
        assert isinstance(provider.inspect_method("tok_visa"), Unknown)
        provider.close()


def test_a_description_as_agreed_is_read() -> None:
    """What the test above changes is what makes it unknown."""
    with misbehaving(answering(200, METHOD)) as url:
        provider = provider_at(url, timeout_seconds=1)
        assert provider.inspect_method("tok_visa") == MethodDetails("visa", "4242", 12, 2034)
        provider.close()
