"""The queue of outgoing webhooks, and what each dial does to it."""

import pytest

from payments.providers.simulated.signing import verify
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.objects import NewCharge
from payments.providers.simulated.simulator.outgoing import OutgoingWebhook
from payments.tests.providers.conftest import SECRET

NOW = 1_800_000_000.0


def charge(core: SimulatorCore, token: str = "tok_visa", *, key: str = "pay_1", now: float = NOW) -> None:
    core.charge(NewCharge(100, "EUR", token, key), key=key, now=now)


def delivered(core: SimulatorCore, *, now: float, status_code: int | None = 200) -> list[OutgoingWebhook]:
    """Everything due by `now`, each tried once and answered with `status_code`."""
    sent = []
    while (webhook := core.webhooks.take_due(now=now)) is not None:
        core.webhooks.record(webhook, status_code=status_code, now=now)
        sent.append(webhook)
    return sent


def types(sent: list[OutgoingWebhook]) -> list[str]:
    return [webhook.type for webhook in sent]


def test_webhooks_go_out_in_order_and_once(core: SimulatorCore) -> None:
    """Without dials each event arrives once, pending before succeeded."""
    charge(core)
    assert types(delivered(core, now=NOW)) == ["charge.pending", "charge.succeeded"]
    assert delivered(core, now=NOW + 1000) == []


def test_a_try_is_signed_at_the_time_it_is_sent(core: SimulatorCore) -> None:
    """A retry an hour later carries a timestamp of its own."""
    charge(core)
    webhook = core.webhooks.take_due(now=NOW)
    assert webhook is not None
    headers = webhook.headers(secret=SECRET, now=NOW + 3600)
    verify(body=webhook.body, headers=headers, secrets=[SECRET], now_timestamp=NOW + 3600)


def test_the_delay_dial_holds_every_webhook_back(core: SimulatorCore) -> None:
    """Nothing is due before the delay has passed."""
    core.dials = Dials(delay_seconds=30)
    charge(core)
    assert delivered(core, now=NOW + 29.9) == []
    assert len(delivered(core, now=NOW + 30)) == 2


def test_the_duplicate_dial_sends_more_copies_of_one_event(core: SimulatorCore) -> None:
    """Copies share the event's id and body."""
    core.dials = Dials(duplicate=1, duplicate_copies=3)
    charge(core)
    sent = delivered(core, now=NOW)
    assert types(sent) == ["charge.pending"] * 4 + ["charge.succeeded"] * 4
    assert len({webhook.event_id for webhook in sent}) == 2
    assert len({webhook.body for webhook in sent}) == 2


def test_the_drop_dial_loses_webhooks_until_they_are_resent(core: SimulatorCore) -> None:
    """A dropped event is never sent by itself; resending it by hand works."""
    core.dials = Dials(drop=1)
    charge(core)
    assert delivered(core, now=NOW + 10**6) == []
    dropped = core.webhooks.shown(after=0, limit=10)
    assert [copy["state"] for copy in dropped] == ["dropped", "dropped"]
    assert core.webhooks.resend(dropped[1]["id"], copies=2, now=NOW)
    assert types(delivered(core, now=NOW)) == ["charge.succeeded"] * 2


def test_the_reorder_dial_turns_one_charges_events_round(core: SimulatorCore) -> None:
    """At 1, succeeded arrives before pending."""
    core.dials = Dials(reorder=1)
    charge(core)
    assert types(delivered(core, now=NOW)) == ["charge.succeeded"]
    assert types(delivered(core, now=NOW + 1)) == ["charge.pending"]


def test_the_reorder_dial_swaps_what_waits(core: SimulatorCore) -> None:
    """A webhook that is to be reordered takes the place of the one before it."""
    core.dials = Dials(delay_seconds=10)
    charge(core, "tok_async")
    core.dials = Dials(delay_seconds=10, reorder=1)
    core.advance(now=NOW + 5)
    assert types(delivered(core, now=NOW + 10)) == ["charge.succeeded"]
    assert types(delivered(core, now=NOW + 15)) == ["charge.pending"]


@pytest.mark.parametrize("probability", [0.2, 0.5])
def test_a_probability_happens_about_as_often_as_it_says(core: SimulatorCore, probability: float) -> None:
    """Over 600 events."""
    core.dials = Dials(drop=probability)
    for n in range(300):
        charge(core, key=f"pay_{n}")
    dropped = sum(copy["state"] == "dropped" for copy in core.webhooks.shown(after=0, limit=1000))
    assert abs(dropped / 600 - probability) < 0.08


@pytest.mark.parametrize("status_code", [None, 199, 300, 302, 400, 404, 500, 503])
def test_a_try_that_is_not_answered_with_2xx_is_repeated(core: SimulatorCore, status_code: int | None) -> None:
    """After a backoff, with the same event."""
    charge(core, "tok_pending")
    core.cancel(core.charges()[0].id, now=NOW)
    first = delivered(core, now=NOW, status_code=status_code)
    assert delivered(core, now=NOW + 0.2) == []
    again = delivered(core, now=NOW + 0.25, status_code=204)
    assert [webhook.event_id for webhook in again] == [webhook.event_id for webhook in first]
    assert delivered(core, now=NOW + 1000) == []


def test_the_backoff_doubles_up_to_a_minute(core: SimulatorCore) -> None:
    """0.25 s, 0.5 s, 1 s … 60 s, and it never gives up."""
    charge(core, "tok_pending")
    core.cancel(core.charges()[0].id, now=NOW)
    waits, now = [], NOW
    for _ in range(12):
        delivered(core, now=now, status_code=500)
        due_at = core.webhooks.next_due_at()
        assert due_at is not None
        waits.append(due_at - now)
        now = due_at
    assert waits[:4] == [0.25, 0.5, 1, 2]
    assert waits[-3:] == [60, 60, 60]


def test_two_webhooks_about_one_charge_are_never_under_way_together(core: SimulatorCore) -> None:
    """Another charge's may be."""
    charge(core, key="pay_1")
    charge(core, key="pay_2")
    under_way = [core.webhooks.take_due(now=NOW) for _ in range(3)]
    assert [webhook.type for webhook in under_way if webhook] == ["charge.pending", "charge.pending"]


def test_a_failing_webhook_does_not_hold_up_the_next_one(core: SimulatorCore) -> None:
    """While pending waits for its retry, succeeded goes out."""
    charge(core)
    assert types(delivered(core, now=NOW, status_code=500)) == ["charge.pending", "charge.succeeded"]


def test_every_try_is_kept(core: SimulatorCore) -> None:
    """The control API shows when it was and how it went."""
    charge(core, "tok_pending")
    core.cancel(core.charges()[0].id, now=NOW)
    delivered(core, now=NOW, status_code=503)
    delivered(core, now=NOW + 1, status_code=200)
    [copy] = core.webhooks.shown(after=0, limit=10)
    assert [each["status_code"] for each in copy["deliveries"]] == [503, 200]
    assert copy["state"] == "delivered"


def test_resending_an_unknown_event_is_noticed(core: SimulatorCore) -> None:
    """There is nothing to send."""
    assert core.webhooks.resend("evt_nobody", copies=1, now=NOW) is False
