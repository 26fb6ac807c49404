"""Held events in the admin: requeued and skipped with a reason."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from config.admin import MAX_REASON_LENGTH, ReasonForm
from config.kernel.errors import Unavailable
from outbox import services
from outbox.models import HeldEvent
from outbox.tests.support import ACTOR, Wire, aggregate, record
from tests.faults import deadlock_at
from tests.staff import signed_in

pytestmark = pytest.mark.django_db
ACTIONS = ["requeue", "skip"]
CARD = "4242 4242 4242 4242"


@pytest.fixture
def chief() -> Client:
    """May do everything."""
    return signed_in(is_superuser=True)


@pytest.fixture
def given_up(settings: Settings) -> list[HeldEvent]:
    """Two events of one aggregate that the publisher could not take: the first given up, the second behind it."""
    settings.OUTBOX_HELD_ATTEMPTS = 1
    settings.EVENT_CONSUMERS = {}
    Wire.poison = set(record(aggregate(), 2)[:1])
    services.drain()
    held = list(HeldEvent.objects.order_by("sequence"))
    assert [row.given_up_at is not None for row in held] == [True, False]
    return held


def url(action: str, row: HeldEvent) -> str:
    return reverse(f"admin:outbox_heldevent_{action}", args=[row.pk])


def page_of(client: Client, row: HeldEvent) -> str:
    return client.get(reverse("admin:outbox_heldevent_change", args=[row.pk])).content.decode()


def state() -> list[Any]:
    """All that an action may change."""
    return list(HeldEvent.objects.order_by("sequence").values())


def test_staff_requeue_a_given_up_event(chief: Client, given_up: list[HeldEvent]) -> None:
    """A button asks why; then it is tried again, its line follows, and the row says who and why."""
    first, second = given_up
    Wire.poison = set()
    assert 'href="../requeue/"' in page_of(chief, first)
    assert "reason" in chief.get(url("requeue", first)).content.decode()
    assert HeldEvent.objects.get(pk=first.pk).given_up_at is not None
    done = chief.post(url("requeue", first), {"reason": "the schema is mended"}, follow=True)
    assert "tried again now" in done.content.decode()
    row = HeldEvent.objects.get(pk=first.pk)
    assert (row.actor.split(":")[0], row.reason, row.given_up_at) == ("staff", "the schema is mended", None)
    services.drain()
    assert Wire.sent == [first.event_id, second.event_id]


def test_staff_skip_a_given_up_event(chief: Client, given_up: list[HeldEvent]) -> None:
    """It is never sent, and what waited behind it is."""
    first, second = given_up
    done = chief.post(url("skip", first), {"reason": "obsolete"}, follow=True)
    assert [str(m) for m in done.context["messages"]] == ["wire will never get it."]
    row = HeldEvent.objects.get(pk=first.pk)
    user: Any = get_user_model().objects.get()
    assert (row.status, row.actor, row.reason) == ("skipped", f"staff:{user.pk}", "obsolete")
    services.drain()
    assert Wire.sent == [second.event_id]
    assert "../skip/" not in page_of(chief, row)
    assert "../requeue/" not in page_of(chief, row)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_refusal_is_shown(chief: Client, given_up: list[HeldEvent], action: str) -> None:
    """What the service says, as a message, with nothing changed."""
    first, second = given_up
    if action == "requeue":
        refused, words = second, f"waits behind {first.pk}"
    else:
        services.skip_held(held_id=first.pk, actor=ACTOR, reason="obsolete")
        refused, words = first, "Cannot skip held event in skipped status."
    before = state()
    done = chief.post(url(action, refused), {"reason": "impatient"}, follow=True)
    assert words in done.content.decode()
    assert state() == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("reason", ["", "   ", "x" * (MAX_REASON_LENGTH + 1), f"customer paid with {CARD}"])
def test_a_reason_is_required_and_holds_no_card_number(
    chief: Client, given_up: list[HeldEvent], action: str, reason: str
) -> None:
    """The form comes back, with the number masked, and nothing is stored."""
    before = state()
    page = chief.post(url(action, given_up[0]), {"reason": reason})
    assert page.status_code == 200
    assert page.context["form"].errors["reason"]
    assert CARD not in page.content.decode()
    assert state() == before


def test_a_masked_reason_can_be_sent_as_it_came_back() -> None:
    """What the form shows after it refused a card number is a reason."""
    refused = ReasonForm({"reason": f"paid with {CARD}"})
    assert refused.errors["reason"] == ["Never write down a card number; it is masked now."]
    masked = refused["reason"].value()
    assert masked == "paid with **** **** **** 4242"
    assert ReasonForm({"reason": masked}).is_valid()


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_needs_its_own_permission(given_up: list[HeldEvent], action: str) -> None:
    """Without it there is no button, and the URL refuses."""
    (other,) = set(ACTIONS) - {action}
    client = signed_in("view_heldevent", f"{other}_heldevent")
    page = page_of(client, given_up[0])
    assert f"../{other}/" in page
    assert f"../{action}/" not in page
    before = state()
    assert client.post(url(action, given_up[0]), {"reason": "because"}).status_code == 403
    assert Client().post(url(action, given_up[0]), {"reason": "because"}).status_code == 302
    assert state() == before


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_on_nothing_is_404(chief: Client, action: str) -> None:
    """Whatever the id looks like."""
    for id in ("nonsense", "hev_01h455vb4pex5vsknk084sn02q", "evt_01h455vb4pex5vsknk084sn02q"):
        assert chief.post(f"/admin/outbox/heldevent/{id}/{action}/", {"reason": "because"}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stays_busy_is_a_message(chief: Client, given_up: list[HeldEvent]) -> None:
    """Staff is told to try again; nothing is stored."""
    before = state()
    with deadlock_at(1, times=None) as faults:
        answer = chief.post(url("skip", given_up[0]), {"reason": "because"})
    assert faults.faults == 5
    assert answer.status_code == 302
    assert Unavailable().detail in page_of(chief, given_up[0])
    assert state() == before
