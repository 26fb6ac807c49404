"""Webhook endpoints in the admin: made, changed and operated with a reason; a secret is shown once."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing.models import User
from config.admin import paginator
from config.kernel import clock
from outbox.models import OutboxEvent
from tests.staff import signed_in
from webhooks.outbound import services
from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.services import messages
from webhooks.outbound.tests.receivers import Receiver
from webhooks.outbound.tests.support import ACTOR, deliver, happen, make_endpoint

pytestmark = pytest.mark.django_db
LIST = "/admin/outbound/endpoint/"
CARD = "4242 4242 4242 4242"
OPERATED = ["ping", "pause", "resume", "disable", "enable", "rotate"]


@pytest.fixture
def chief() -> Client:
    """May do everything."""
    return signed_in(is_superuser=True)


def url(endpoint: Endpoint, page: str = "change") -> str:
    return reverse(f"admin:outbound_endpoint_{page}", args=[endpoint.pk])


def status(endpoint: Endpoint) -> str:
    return str(Endpoint.objects.get(pk=endpoint.pk).status)


def form_of(client: Client, address: str, **answers: str) -> dict[str, str]:
    """What a browser sends for the opened form, filled in."""
    form = client.get(address).context["form"]
    return {name: str(form[name].value() or "") for name in form.fields} | {"reason": "the owner wants it"} | answers


def new_form(client: Client, **answers: str) -> dict[str, str]:
    return form_of(client, f"{LIST}add/", **{"url": "https://1.1.1.1/hook", "events": "invoice.*\nrefund.*"} | answers)


def secrets_in(page: Any) -> list[str]:
    return re.findall(r"whsec_[\w+/=]+", html.unescape(page.content.decode()))


def keeps(client: Client, secret: str) -> bool:
    """Whether the browser or its session has it."""
    return secret in f"{client.cookies.output()} {dict(client.session.items())}"


def said(response: Any) -> str:
    *_, message = response.context["messages"]
    return str(message)


def test_staff_makes_an_endpoint_and_sees_its_secret_once(chief: Client) -> None:
    """In the answer itself, which nobody keeps; the event says who and why."""
    page = chief.post(f"{LIST}add/", new_form(chief, description="the shop"))
    endpoint = Endpoint.objects.get()
    assert (endpoint.url, endpoint.events, endpoint.description) == (
        "https://1.1.1.1/hook", ["invoice.*", "refund.*"], "the shop",
    )  # fmt: skip
    assert secrets_in(page) == services.valid_secrets(endpoint)
    assert "no-store" in page["Cache-Control"]
    assert page.context["onward"] == url(endpoint).replace("whe_", "whe_5F")
    for later in (page.context["onward"], LIST, "/admin/"):
        assert secrets_in(chief.get(later)) == []
    assert not keeps(chief, services.valid_secrets(endpoint)[0])
    event = OutboxEvent.objects.get(aggregate_id=endpoint.pk)
    assert (event.actor, event.reason) == (f"staff:{User.objects.get().pk}", "the owner wants it")


def test_a_form_that_is_sent_again_makes_nothing_and_shows_no_secret(chief: Client) -> None:
    """It leads to the endpoint that there is."""
    form = new_form(chief)
    chief.post(f"{LIST}add/", form)
    again = chief.post(f"{LIST}add/", form, follow=True)
    assert said(again).startswith("This form was sent before")
    assert again.context["original"] == Endpoint.objects.get()
    assert secrets_in(again) == []


@pytest.mark.parametrize(
    ("field", "answer", "words"),
    [
        ("url", "ftp://shop.example.com/", "must start with http"),
        ("url", "https://user:password@shop.example.com/", "credentials"),
        ("events", "invoice.*\nnonsense.*", "nonsense.* names no type"),
        ("events", "  ", "required"),
        ("url", f"https://1.1.1.1/{CARD.replace(' ', '')}", "card number"),
        ("description", f"of {CARD}", "card number"),
        ("reason", f"of {CARD}", "card number"),
        ("reason", " ", "required"),
        ("reason", "x" * 501, "500"),
    ],
)
def test_what_is_wrong_is_said_beside_it(chief: Client, field: str, answer: str, words: str) -> None:
    """On the form for a new endpoint, and on that for a change; nothing is stored, no card number is shown again."""
    change = url(make_endpoint(), "update")
    for address, form in ((f"{LIST}add/", new_form(chief)), (change, form_of(chief, change))):
        page = chief.post(address, form | {field: answer})
        assert page.status_code == 200
        assert list(page.context["form"].errors) == [field]
        assert words in str(page.context["form"].errors[field])
        assert CARD not in page.content.decode()
        assert CARD.replace(" ", "") not in page.content.decode()
    assert OutboxEvent.objects.filter(aggregate_type="endpoint").count() == 1


def test_a_private_address_is_refused_where_the_settings_say_so(chief: Client, settings: Any) -> None:
    """As for anybody else."""
    settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES = False
    page = chief.post(f"{LIST}add/", new_form(chief, url="http://127.1:8000/hook"))
    assert "not a public address" in str(page.context["form"].errors["url"])
    assert Endpoint.objects.count() == 0


def test_only_what_differs_is_changed(chief: Client, settings: Any) -> None:
    """A description, though the address would not be accepted any more; and nothing, when nothing differs."""
    endpoint = make_endpoint()
    settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES = False
    form = form_of(chief, url(endpoint, "update"))
    assert "Nothing" in said(chief.post(url(endpoint, "update"), form, follow=True))
    assert not OutboxEvent.objects.filter(type="webhook_endpoint.updated").exists()
    chief.post(url(endpoint, "update"), form | {"description": "the shop", "events": "customer.* invoice.paid"})
    changed = Endpoint.objects.get()
    assert (changed.description, changed.events) == ("the shop", ["customer.*", "invoice.paid"])
    assert OutboxEvent.objects.get(type="webhook_endpoint.updated").reason == "the owner wants it"


def test_buttons_move_an_endpoint_and_say_who_and_why(chief: Client) -> None:
    """Each leads where the next is possible; what is not possible has no link, and says so."""
    endpoint = make_endpoint()
    ends = {"pause": "paused", "resume": "enabled", "disable": "disabled", "enable": "enabled", "delete": "deleted"}
    for action, after in ends.items():
        assert f'href="../{action}/"' in chief.get(url(endpoint)).content.decode()
        form = form_of(chief, url(endpoint, action), reason=f"to {action} it")
        chief.post(url(endpoint, action), form)
        assert status(endpoint) == after
        assert f'href="../{action}/"' not in chief.get(url(endpoint)).content.decode()
        event = OutboxEvent.objects.filter(aggregate_id=endpoint.pk).latest("sequence")
        assert (event.reason, event.actor) == (f"to {action} it", f"staff:{User.objects.get().pk}")
    page = chief.get(url(endpoint)).content.decode()
    assert 'href="../' not in page
    assert "Not possible: the webhook endpoint is deleted." in page


def test_a_rotated_secret_is_shown_once_and_signs_beside_the_old_one(chief: Client) -> None:
    """For as long as was chosen; not at all when it has leaked."""
    endpoint = make_endpoint()
    (old,) = services.valid_secrets(endpoint)
    address = url(endpoint, "rotate")
    page = chief.post(address, form_of(chief, address))
    (new,) = secrets_in(page)
    assert services.valid_secrets(endpoint) == [new, old]
    assert secrets_in(chief.get(url(endpoint))) == []
    assert not keeps(chief, new)
    assert "no-store" in page["Cache-Control"]
    leaked = chief.post(address, form_of(chief, address, overlap_seconds="0"))
    assert services.valid_secrets(endpoint) == secrets_in(leaked)
    assert new not in secrets_in(leaked)


def test_a_ping_is_sent_to_an_enabled_endpoint_only(chief: Client, receiver: Receiver) -> None:
    """It leads to the delivery; a paused one says what to do first."""
    endpoint = make_endpoint(receiver.url)
    address = url(endpoint, "ping")
    page = chief.post(address, {"reason": "does it arrive?"}, follow=True)
    ping = Delivery.objects.get()
    assert ping.pk in said(page)
    assert (ping.type, ping.reason) == (messages.PING, "does it arrive?")
    deliver()
    assert receiver.ids == [ping.pk]
    services.pause(actor=ACTOR, endpoint_id=endpoint.pk)
    assert "enable or resume it first" in chief.get(url(endpoint)).content.decode()
    assert "enable or resume it first" in said(chief.post(address, {"reason": "and now?"}, follow=True))
    assert Delivery.objects.count() == 1


def clerk_with(*codenames: str) -> Client:
    user, _ = User.objects.get_or_create(email="clerk@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_endpoint", *codenames]))
    client = Client()
    client.force_login(user)
    return client


def test_each_permission_allows_what_it_says(chief: Client) -> None:
    """Operating is neither making, changing nor deleting; whoever only looks has no button."""
    endpoint = make_endpoint()
    allowed = {
        "operate_endpoint": OPERATED,
        "change_endpoint": ["update"],
        "delete_endpoint": ["delete"],
        "add_endpoint": ["add"],
        "view_endpoint": [],
    }
    for permission, actions in allowed.items():
        clerk = clerk_with(permission)
        for action in (*OPERATED, "update", "delete", "add"):
            address = f"{LIST}add/" if action == "add" else url(endpoint, action)
            assert clerk.get(address).status_code == (200 if action in actions else 403), (permission, action)
            assert action in actions or clerk.post(address, {"reason": "because"}).status_code == 403
        assert (f'href="{LIST}add/"' in clerk.get(LIST).content.decode()) == (permission == "add_endpoint")
    assert status(endpoint) == "enabled"


def test_the_list_counts_what_waits_and_what_is_dead(chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each endpoint, no further than a list counts, leading to exactly those."""
    first, second = make_endpoint(), make_endpoint(listens_to=("customer.created",))
    happen(4)
    oldest = list(first.deliveries.order_by("id").values_list("id", flat=True)[:2])
    Delivery.objects.filter(id__in=oldest).update(status="dead", available_at=None)
    monkeypatch.setattr(paginator, "COUNTED_ROWS", 2)
    page = chief.get(LIST)
    counts = {row.pk: (row.pending_count, row.dead_count) for row in page.context["cl"].result_list}
    assert counts == {first.pk: (2, 2), second.pk: (3, 0)}
    text = html.unescape(page.content.decode())
    leads = re.findall(r'href="(/admin/outbound/delivery/\?endpoint[^"]*)">([^<]+)<', text)
    assert [count for _, count in leads] == ["2+", "2", "2"]
    wanted = [(second.pk, "pending"), (first.pk, "pending"), (first.pk, "dead")]
    for (address, _), each in zip(leads, wanted, strict=True):
        listed = chief.get(address).context["cl"].queryset
        assert {(row.endpoint_id, row.status) for row in listed} == {each}


def test_an_endpoint_is_found_by_its_address_and_its_id(chief: Client) -> None:
    """Or a part of its address or description; and filtered by its state and whether it fails."""
    shop = make_endpoint("https://1.1.1.1/shop")
    books = make_endpoint("https://1.1.1.1/books")
    services.pause(actor=ACTOR, endpoint_id=books.pk)
    Endpoint.objects.filter(pk=shop.pk).update(failing_since=clock.now())
    for query, found in [
        ({"q": "shop"}, shop),
        ({"q": books.pk}, books),
        ({"status__exact": "paused"}, books),
        ({"failing_since__isempty": "0"}, shop),
    ]:
        assert [row.pk for row in chief.get(LIST, query).context["cl"].result_list] == [found.pk], query


def test_the_page_shows_the_latest_deliveries_and_who_did_what(chief: Client, receiver: Receiver) -> None:
    """The newest first; the history with reasons; each only to whoever may see it."""
    endpoint = make_endpoint(receiver.url)
    chief.post(url(endpoint, "pause"), {"reason": "their data centre moves"})
    chief.post(url(endpoint, "resume"), {"reason": "it has moved"})
    happen(2)
    deliver()
    page = chief.get(url(endpoint))
    assert [each["answered"] for each in page.context["deliveries"]] == ["200", "200"]
    assert [item.title.rpartition(".")[2] for item in page.context["timeline"].items] == [
        "created",
        "paused",
        "resumed",
    ]
    for text in ("their data centre moves", "it has moved", "staff@example.com (staff:usr_", "customer.created"):
        assert text in page.content.decode(), text
    bare = clerk_with().get(url(endpoint))
    assert (bare.context["deliveries"], bare.context["timeline"]) == (None, None)
    assert "it has moved" not in bare.content.decode()


def test_pages_cost_the_same_whatever_there_is(chief: Client) -> None:
    """Statements, of the list and of an endpoint's page."""

    def statements(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert chief.get(address).status_code == 200
        return len(captured)

    endpoint = make_endpoint()
    happen(1)
    few = [statements(address) for address in (LIST, url(endpoint))]
    for _ in range(4):
        make_endpoint()
    happen(5)
    services.pause(actor=ACTOR, endpoint_id=endpoint.pk)
    assert [statements(address) for address in (LIST, url(endpoint))] == few
    assert few[0] <= 12
    assert few[1] <= 12
