"""Provider events in the admin: found, read, replayed with a reason."""

import html
import re

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from payments.tests.factories import make_payment
from tests.staff import signed_in
from webhooks.inbound.models import ProviderEvent, Replay
from webhooks.inbound.tests.breaking import raising_at
from webhooks.inbound.tests.sending import answer_to, event, event_about, send

pytestmark = pytest.mark.django_db
LIST = "admin:inbound_providerevent_changelist"
CHANGE = "admin:inbound_providerevent_change"
REPLAY = "admin:inbound_providerevent_replay"


@pytest.fixture
def chief() -> Client:
    """May do everything."""
    return signed_in(is_superuser=True)


def test_the_list_is_filtered_by_status_provider_and_type(chief: Client) -> None:
    """One page, no matter how the rows differ."""
    send(event("a.type"))
    send(b"garbage")
    found = chief.get(reverse(LIST), {"status__exact": "dead", "provider": "simulated"})
    assert found.status_code == 200
    assert [row.status for row in found.context["cl"].result_list] == ["dead"]
    found = chief.get(reverse(LIST), {"type": "a.type"})
    assert [row.type for row in found.context["cl"].result_list] == ["a.type"]


def test_an_event_is_found_by_any_of_its_ids(chief: Client) -> None:
    """Ours, the provider's, the payment's, the charge's, the request's."""
    payment = make_payment()
    send(event_about(payment))
    send(event())
    row = ProviderEvent.objects.get(our_reference=payment.id)
    for term in (row.id, row.event_id, payment.id, row.charge_reference, row.correlation_id):
        found = chief.get(reverse(LIST), {"q": term})
        assert [each.id for each in found.context["cl"].result_list] == [row.id], term
    assert list(chief.get(reverse(LIST), {"q": "nothing"}).context["cl"].result_list) == []


def test_the_page_shows_the_payload_and_cannot_change_it(chief: Client) -> None:
    """Posting to it is refused, the payload escaped."""
    send(event(note="<script>alert(1)</script>"))
    row = ProviderEvent.objects.get()
    url = reverse(CHANGE, args=[row.pk])
    page = chief.get(url).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
    assert chief.post(url, {"payload": "other"}).status_code == 403


def test_the_payload_is_shown_as_it_was_sent(chief: Client) -> None:
    """Amounts with their zeros, blanks, line breaks, and names that come twice: on its page and in timelines."""
    payment = make_payment()
    sent = b"\n" + event_about(payment, "charge.pending", note=1.5).replace(b"1.5", b"  1.50")
    twice = b'{"amount": 1, "amount": 1.10}'
    assert [answer_to(sent), answer_to(twice)] == ["processed", "dead"]
    pages = [reverse(CHANGE, args=[row.pk]) for row in ProviderEvent.objects.order_by("pk")]
    pages.append(reverse("admin:payments_payment_change", args=[payment.pk]))
    for url, body in zip(pages, [sent, twice, sent], strict=True):
        shown = re.findall('<pre class="q-code">\n(.*?)</pre>', chief.get(url).content.decode(), re.DOTALL)
        assert body.decode() in map(html.unescape, shown)


def test_an_event_leads_to_the_payment_it_speaks_of(chief: Client) -> None:
    """By our reference, or by the provider's alone; to none when nobody knows either."""
    payment = make_payment()
    send(event_about(payment))
    send(event_about(payment, "charge.pending", reference=""))
    send(event_about(payment, reference="", charge="ch_nobody"))
    leads = [
        f">{payment}</a>" in chief.get(reverse(CHANGE, args=[row.pk])).content.decode()
        for row in ProviderEvent.objects.order_by("pk")
    ]
    assert leads == [True, True, False]


def test_the_button_leads_to_a_replay_with_actor_and_reason(chief: Client) -> None:
    """The event is applied, and the log says who and why."""
    with raising_at("payments_receipt", RuntimeError("a bug")):
        send(event_about(make_payment()))
    row = ProviderEvent.objects.get()
    change = chief.get(reverse(CHANGE, args=[row.pk]))
    assert change.status_code == 200
    assert 'href="../replay/"' in change.content.decode()
    url = reverse(REPLAY, args=[row.pk])
    assert url == change.request["PATH_INFO"].replace("/change/", "/replay/")
    assert "reason" in chief.get(url).content.decode()
    assert ProviderEvent.objects.get().status == "received"
    done = chief.post(url, {"reason": "the bug is mended"}, follow=True)
    assert "Replayed: applied; the event is processed." in done.content.decode()
    log = Replay.objects.get()
    assert log.reason == "the bug is mended"
    assert log.actor.startswith("staff:")
    assert ProviderEvent.objects.get().status == "processed"


def test_a_replay_needs_a_reason(chief: Client) -> None:
    """Without a card number; the form comes back."""
    send(event())
    url = reverse(REPLAY, args=[ProviderEvent.objects.get().pk])
    for reason in ("", "   ", "x" * 501, "4242424242424242"):
        assert chief.post(url, {"reason": reason}).status_code == 200
    assert Replay.objects.count() == 0


def test_a_replay_needs_the_permission() -> None:
    """Those who may only look see no button, and are refused."""
    send(event())
    row = ProviderEvent.objects.get()
    client = signed_in("view_providerevent")
    assert "../replay/" not in client.get(reverse(CHANGE, args=[row.pk])).content.decode()
    url = reverse(REPLAY, args=[row.pk])
    assert client.post(url, {"reason": "because"}).status_code == 403
    assert Client().post(url, {"reason": "because"}).status_code == 302
    assert Replay.objects.count() == 0


def test_a_replay_of_nothing_is_404(chief: Client) -> None:
    """Whatever the id looks like."""
    assert chief.get("/admin/inbound/providerevent/nonsense/replay/").status_code == 404


def test_the_button_works_from_the_list_s_own_link(chief: Client) -> None:
    """The list spells underscores as "_5F"; the button beside it leads on from there."""
    send(event())
    row = ProviderEvent.objects.get()
    url = reverse(REPLAY, args=[quote(row.pk)])
    assert row.pk not in url
    assert chief.get(url).status_code == 200
    done = chief.post(url, {"reason": "because"}, follow=True)
    assert done.request["PATH_INFO"] == url.replace("/replay/", "/change/")
    assert Replay.objects.get().event_id == row.pk


def test_replays_have_a_page_of_their_own(chief: Client) -> None:
    """Listed, and found by the event."""
    send(event(id="evt_7"))
    row = ProviderEvent.objects.get()
    chief.post(reverse(REPLAY, args=[row.pk]), {"reason": "because"})
    found = chief.get(reverse("admin:inbound_replay_changelist"), {"q": "evt_7"})
    assert [log.reason for log in found.context["cl"].result_list] == ["because"]
