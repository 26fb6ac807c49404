"""The simulator's core: charges, tokens and keys, with the time passed in."""

from typing import Any

import pytest

from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.messages import LostAnswer, Refused
from payments.providers.simulated.simulator.tokens import TOKENS
from payments.tests.providers.conftest import ACCOUNT
from payments.tests.providers.cores import DAY, NOW, charged, events, new_charge, refunded


def test_a_charge_succeeds_and_says_so_twice(core: SimulatorCore) -> None:
    """A charge that works is announced as pending, then as succeeded."""
    charge = charged(core)
    assert (charge.status, charge.amount, charge.currency, charge.reference) == ("succeeded", 1000, "EUR", "pay_1")
    assert events(core) == ["charge.pending", "charge.succeeded"]


def test_the_webhook_is_the_one_of_the_contract(core: SimulatorCore) -> None:
    """The body has exactly the fields that design §7 names."""
    charge = charged(core)
    core.webhooks.take_due(now=NOW)
    sent = core.webhooks.shown(after=1, limit=1)[0]["body"]
    assert sent == {
        "id": sent["id"],
        "type": "charge.succeeded",
        "created_at": "2027-01-15T08:00:00.000000Z",
        "account": ACCOUNT,
        "data": {
            "charge": charge.id,
            "refund": None,
            "dispute": None,
            "reference": "pay_1",
            "amount": 1000,
            "currency": "EUR",
            "failure_code": None,
        },
    }


def test_a_key_used_again_finds_the_same_charge(core: SimulatorCore) -> None:
    """One key and one input are one charge."""
    assert charged(core) == charged(core)
    assert core.charges_per_reference() == {"pay_1": {"charges": 1, "succeeded": 1}}


@pytest.mark.parametrize("changes", [{"amount": 999}, {"currency": "USD"}, {"token": "tok_mastercard"}])
def test_a_key_used_for_another_request_is_refused(core: SimulatorCore, changes: dict[str, Any]) -> None:
    """One key cannot mean two things."""
    charged(core)
    with pytest.raises(Refused) as refusal:
        charged(core, **changes)
    assert (refusal.value.status, refusal.value.type) == (400, "idempotency_error")


def test_a_key_of_a_charge_is_refused_for_a_refund(core: SimulatorCore) -> None:
    """Keys are shared by all operations."""
    charge = charged(core)
    with pytest.raises(Refused, match="another request"):
        refunded(core, charge, key="pay_1")


def test_a_key_is_forgotten_after_a_day(core: SimulatorCore) -> None:
    """Inside the window the key protects; after it the same key charges again, which is why nobody may use it then."""
    first = charged(core)
    assert core.charge(new_charge(), key="pay_1", now=NOW + DAY - 1) == first
    second = core.charge(new_charge(), key="pay_1", now=NOW + DAY)
    assert second.id != first.id
    assert core.charges_per_reference()["pay_1"] == {"charges": 2, "succeeded": 2}


DECLINES = {token: behaviour.failure_code for token, behaviour in TOKENS.items() if token.startswith("tok_declined_")}


@pytest.mark.parametrize(("token", "code"), DECLINES.items())
def test_a_declining_token_fails_with_its_code(core: SimulatorCore, token: str, code: str) -> None:
    """Each decline has a charge that failed, a webhook that says why, and no money."""
    assert (charged(core, token).status, charged(core, token).failure_code) == ("failed", code)
    assert events(core) == ["charge.pending", "charge.failed"]
    assert core.webhooks.shown(after=1, limit=1)[0]["body"]["data"]["failure_code"] == code
    assert core.transactions(since=0, until=NOW + 1) == []


def test_a_token_nobody_issued_is_declined(core: SimulatorCore) -> None:
    """A mistyped token is a hard decline, so that the payment ends."""
    assert charged(core, "tok_typo").failure_code == "unknown_payment_method"


@pytest.mark.parametrize("token", ["tok_timeout_before", "tok_5xx"])
def test_an_accident_before_happens_once(core: SimulatorCore, token: str) -> None:
    """The first try does nothing at all, the next one with the same key works."""
    with pytest.raises(LostAnswer) as lost:
        charged(core, token)
    assert (lost.value.done, core.charges(), events(core)) == (False, [], [])
    assert charged(core, token).status == "succeeded"


def test_tok_timeout_always_never_does_anything(core: SimulatorCore) -> None:
    """However often it is tried."""
    for _ in range(3):
        with pytest.raises(LostAnswer):
            charged(core, "tok_timeout_always")
    assert core.charges() == []


@pytest.mark.parametrize(
    ("token", "accident", "status"),
    [
        ("tok_timeout_after", "hang", "succeeded"),
        ("tok_timeout_after_declined", "hang", "failed"),
        ("tok_5xx_after", "server_error", "succeeded"),
        ("tok_garbage_answer", "garbage", "succeeded"),
    ],
)
def test_an_accident_after_leaves_the_charge_made(core: SimulatorCore, token: str, accident: str, status: str) -> None:
    """Only the answer is lost: the webhook is sent, and the same key finds the one charge."""
    with pytest.raises(LostAnswer) as lost:
        charged(core, token)
    assert (lost.value.accident, lost.value.done) == (accident, True)
    assert events(core) == ["charge.pending", f"charge.{status}"]
    assert charged(core, token) == core.charges()[0]
    assert core.charges_per_reference()["pay_1"]["charges"] == 1


def test_tok_pending_says_nothing_until_it_is_settled(core: SimulatorCore) -> None:
    """No webhook at all, until the control API decides."""
    charge = charged(core, "tok_pending")
    core.advance(now=NOW + 365 * DAY)
    assert (charge.status, events(core)) == ("pending", [])
    core.settle_charge(charge.id, failure_code="", now=NOW)
    assert events(core) == ["charge.succeeded"]


def test_a_pending_charge_can_be_settled_by_our_reference(core: SimulatorCore) -> None:
    """Whoever settles by hand may know only the payment's id."""
    charged(core, "tok_pending")
    assert core.settle_charge("pay_1", failure_code="expired_card", now=NOW).failure_code == "expired_card"
    with pytest.raises(Refused, match="failed"):
        core.settle_charge("pay_1", failure_code="", now=NOW)


@pytest.mark.parametrize(("token", "status"), [("tok_async", "succeeded"), ("tok_async_declined", "failed")])
def test_an_asynchronous_token_is_decided_later(core: SimulatorCore, token: str, status: str) -> None:
    """Pending at first, decided once its time has come, told by webhook only."""
    charge = charged(core, token)
    core.advance(now=NOW + 0.4)
    assert core.find_charge(charge.id).status == "pending"
    core.advance(now=NOW + 0.5)
    core.advance(now=NOW + 99)
    assert events(core) == ["charge.pending", f"charge.{status}"]


def test_other_amounts_and_currencies_are_captured_by_their_tokens(core: SimulatorCore) -> None:
    """The charge and its webhook say what was really taken."""
    assert charged(core, "tok_wrong_amount", key="a").amount == 999
    assert charged(core, "tok_wrong_amount", key="b", amount=1).amount == 2
    assert charged(core, "tok_wrong_currency", key="c").currency == "USD"
    assert charged(core, "tok_wrong_currency", key="d", currency="USD").currency == "EUR"


def test_scar_lago_643_yen_are_charged_as_minor_units(core: SimulatorCore) -> None:
    """JPY 1250 is 1250 yen: the amount goes through as it is, whatever the currency's exponent."""
    for currency in ("JPY", "EUR", "KWD", "ISK"):
        assert charged(core, key=currency, amount=1250, currency=currency).amount == 1250
    assert [line.amount for line in core.transactions(since=0, until=NOW + 1)] == [1250] * 4


def test_a_pending_charge_is_canceled_once(core: SimulatorCore) -> None:
    """Canceling again changes nothing and says nothing."""
    charge = charged(core, "tok_pending")
    assert core.cancel(charge.id, now=NOW).status == "canceled"
    assert core.cancel(charge.id, now=NOW).status == "canceled"
    assert events(core) == ["charge.canceled"]


@pytest.mark.parametrize("token", ["tok_visa", "tok_declined_stolen"])
def test_a_charge_that_has_ended_is_not_canceled(core: SimulatorCore, token: str) -> None:
    """It stays as it ended."""
    charge = charged(core, token)
    with pytest.raises(Refused) as refusal:
        core.cancel(charge.id, now=NOW)
    assert (refusal.value.status, refusal.value.code) == (409, "charge_not_cancelable")
