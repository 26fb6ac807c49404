"""Everything that happens often, or that somebody waits for, run on a full database.

Lists, filters, searches and pages are found in the code, so a new one is covered as it is written. Other use cases are
functions here: whoever adds a hot one adds it to `USE_CASES`.
"""

import datetime
import functools
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.core.management import call_command
from django.db import models
from django.db.models import QuerySet
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django_filters import CharFilter
from rest_framework.generics import ListAPIView

from config.admin import ReadOnlyAdmin
from config.api.filters import IdFilter
from config.api.principals import system
from config.kernel import clock
from invoices.models import Customer, Invoice
from outbox import services as outbox
from outbox.models import ArchivedEvent, HeldEvent, OutboxEvent
from outbox.services import archiving as log_archiving
from payments import services as payments
from payments.models import Payment, Refund
from tests.admin.world import chief
from tests.api import ApiConsumer
from tests.scale import plans, subscriptions
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.services import archiving as inbox_archiving
from webhooks.inbound.tests.sending import answer_to, event, event_about
from webhooks.outbound.models import Delivery, Endpoint
from webhooks.outbound.services import archiving as webhooks_archiving

ACTOR = system("tests")


def create_and_pay() -> None:
    """An invoice for a customer, with all that may name it, paid, asked for again, and told of by the provider."""
    api = ApiConsumer()
    customer = Customer.objects.order_by("-id")[0]
    body = {"amount": 1250, "currency": "EUR", "customer": customer.id, "number": "N-1"}
    invoice = api.post("invoices", body, key="create-1")
    assert invoice.status_code == 201
    for _ in range(2):
        answer = api.pay(invoice.json()["id"], key="pay-1")
    payment = Payment.objects.get(id=answer.json()["id"])
    assert [answer_to(event_about(payment, id="evt_1")) for _ in range(2)] == ["processed", "duplicate"]
    assert api.pay(invoice.json()["id"], key="pay-2").status_code == 409


def pay_an_order() -> None:
    """By its order id, twice."""
    body = {"order_id": "o-1", "amount": 500, "currency": "EUR", "payment_method": "tok_pending"}
    answers = [ApiConsumer().post("payments", body, key="order-1").status_code for _ in range(2)]
    assert answers == [201, 200]


def decline_and_void() -> None:
    """A payment fails, and its invoice is voided."""
    api = ApiConsumer()
    invoice = Invoice.objects.filter(status="open")[0]
    payment = Payment.objects.get(id=api.pay(invoice.id).json()["id"])
    assert answer_to(event_about(payment, "charge.failed", failure_code="insufficient_funds")) == "processed"
    assert api.post(f"invoices/{invoice.id}/void").status_code == 200


def settle_by_hand() -> None:
    """Bank transfers that come or do not, and one that has been booked before."""
    api = ApiConsumer()
    with plans.aside():
        first, second = Payment.objects.filter(status="processing", provider="manual").order_by("id")[:2]
    assert api.post(f"payments/{first.id}/confirm", {"reference": "bank-1"}).status_code == 200
    assert api.post(f"payments/{second.id}/confirm", {"reference": "bank-1"}).status_code == 409
    assert api.post(f"payments/{second.id}/fail", {"failure_code": "no_money"}).status_code == 200


def hear_of_charges_by_reference() -> None:
    """A webhook that knows only the provider's reference: of a payment, and of none."""
    with plans.aside():
        known = Payment.objects.exclude(provider_reference="").filter(provider="simulated").order_by("-id")[0]
    assert answer_to(event_about(known, reference="", charge=known.provider_reference)) == "ignored"
    assert answer_to(event_about(known, reference="", charge="ch_nobody_knows")) == "parked"


def change_a_customer() -> None:
    """PATCH."""
    customer = Customer.objects.order_by("id")[0]
    assert ApiConsumer().request("PATCH", f"customers/{customer.id}", {"name": "Else"}).status_code == 200


def keep_payment_methods() -> None:
    """A customer brings one, pays with it, has another made the default and takes the first away; some expire."""
    api = ApiConsumer()
    with plans.aside():
        customer = Customer.objects.order_by("-id")[0]
    body = {"customer": customer.id, "payment_method": "tok_mastercard", "make_default": True}
    answers = [api.post("payment-methods", body, key=key) for key in ("method-1", "method-1", "method-2")]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    method = answers[0].json()["id"]
    with plans.aside():
        invoice = api.create_invoice(customer=customer.id)
    assert api.post(f"invoices/{invoice['id']}/pay", {}, key="method-3").json()["attached_method"] == method
    other = api.get(f"payment-methods?customer={customer.id}").json()["data"][-1]["id"]
    assert api.post(f"payment-methods/{other}/default").status_code == 200
    assert api.request("DELETE", f"payment-methods/{method}").status_code == 204
    assert payments.announce_expiring() >= 1


def get_one_of_each() -> None:
    """What has the longest history, as far as seeding goes."""
    with plans.aside():
        api = ApiConsumer()
        invoice = Invoice.objects.order_by("-attempts", "-id")[0]
        payment = Payment.objects.filter(invoice=invoice)[0]
    for path in (f"invoices/{invoice.id}", f"payments/{payment.id}", f"customers/{invoice.customer_id}"):
        assert api.get(path).status_code == 200


def sweep() -> None:
    """With something due in each sweep: a payment to submit, one to ask about, an event to try again."""
    now = clock.now() - datetime.timedelta(seconds=1)
    with plans.aside():
        first, second = Invoice.objects.filter(status="open")[:2]
        fresh = Payment.objects.get(id=ApiConsumer().pay(first.id).json()["id"])
        pending = Payment.objects.get(id=ApiConsumer().pay(second.id, token="tok_pending").json()["id"])
        payments.submit(payment_id=pending.id)
        pending = Payment.objects.get(id=pending.id)
        parked = ProviderEvent.objects.filter(status="parked").order_by("id")[0]
        for row in (pending, fresh, parked):
            row.available_at = now
            row.save()
    assert payments.sweep() == 2
    assert inbound.sweep() == 1


def refund() -> None:
    """Twice the same amount, told of by the provider; one that was made there; a dispute of the charge."""
    api = ApiConsumer()
    with plans.aside():
        payment = Payment.objects.filter(status="succeeded", provider="simulated", refunds=None, disputes=None)[0]
    made = [api.post(f"payments/{payment.id}/refund", {"amount": 2}, key=f"refund-{n}").json() for n in (1, 1, 2)]
    assert made[0]["id"] == made[1]["id"] != made[2]["id"]
    about = {"charge": payment.provider_reference, "currency": payment.currency}
    told = [
        event("refund.succeeded", refund="rf_1", reference=made[0]["id"], amount=2, **about),
        event("refund.failed", refund="rf_2", reference=made[2]["id"], amount=2, failure_code="odd", **about),
        event("refund.succeeded", refund="rf_3", amount=1, **about),
        event("dispute.opened", dispute="dsp_1", amount=1, reason="fraudulent", **about),
        event("dispute.lost", dispute="dsp_1", amount=1, reason="fraudulent", **about),
    ]
    assert [answer_to(body) for body in told] == ["processed"] * len(told)


def sweep_refunds_and_retries() -> None:
    """With something due in each: a refund to send, one to ask about, an invoice to try again."""
    now = clock.now() - datetime.timedelta(seconds=1)
    with plans.aside():
        payment = Payment.objects.filter(status="succeeded", provider="simulated", refunds=None, disputes=None)[0]
        made = ApiConsumer().post(f"payments/{payment.id}/refund", {"amount": 2}, key="refund-1")
        unsent = Refund.objects.get(id=made.json()["id"])
        unknown = Refund.objects.filter(status__in=["processing", "unknown"]).order_by("id")[0]
        for row in (unsent, unknown):
            row.available_at = now
            row.save()
        invoice = Invoice.objects.filter(next_attempt_at__isnull=False).order_by("id")[0]
        invoice.next_attempt_at = now
        invoice.save()
    assert payments.sweep_refunds() == 2
    assert payments.retry_due() == 1


def relay() -> None:
    """Number, read, deliver, release what was parked; and when there is nothing to do."""
    create_and_pay()
    assert outbox.drain().delivered > 0
    assert not outbox.drain().did_something


def mend_the_log() -> None:
    """Held events: one tried again by itself, one requeued, one skipped."""
    with plans.aside():
        tried, requeued, skipped = HeldEvent.objects.held().order_by("id")[:3]
    outbox.requeue_held(held_id=requeued.id, actor=ACTOR, reason="to see it")
    outbox.skip_held(held_id=skipped.id, actor=ACTOR, reason="to see it")
    assert outbox.drain().delivered == 1
    assert HeldEvent.objects.get(id=requeued.id).status == "delivered"
    assert HeldEvent.objects.get(id=tried.id).status == "held"


def replay() -> None:
    """By hand, and by command."""
    with plans.aside():
        event = ProviderEvent.objects.filter(status="processed").order_by("-id")[0]
    inbound.replay(provider_event_id=event.id, actor=ACTOR, reason="to see it")
    call_command("replay_webhooks", "--id", event.event_id, "--reason", "to see it")


def look_at_deliveries_and_send_them_again() -> None:
    """One with its tries, one again, and a filtered many."""
    api = ApiConsumer()
    with plans.aside():
        dead = Delivery.objects.filter(status="dead").order_by("id")[0]
    assert api.get(f"webhook-deliveries/{dead.id}").status_code == 200
    assert api.post(f"webhook-deliveries/{dead.id}/resend").status_code == 200
    many = f"webhook-endpoints/{dead.endpoint_id}/deliveries/resend"
    assert api.post(many, {"limit": 5}).json()["resent"] == 5
    further = {"type": "invoice.created", "created_from": "2020-01-01T00:00:00Z", "cursor": dead.id}
    assert api.post(many, further).status_code == 200


def archive() -> None:
    """Some of everything, few at a time as the tables are small; what has been archived is read, and brought back."""
    for module in (webhooks_archiving, inbox_archiving, log_archiving):
        with mock.patch.object(module, "CHUNK", 20):
            stops = itertools.chain([False] * 10, itertools.repeat(True))
            module.archive(before=clock.now() + datetime.timedelta(days=1), stop=functools.partial(next, stops))
    with plans.aside():
        event = ArchivedEvent.objects.order_by("id")[0]
    api = ApiConsumer()
    assert api.get(f"events/{event.id}").status_code == 200
    assert api.get(f"events?aggregate={event.aggregate_id}").json()["data"]
    log_archiving.restore(shard=event.shard, after=(event.position or 1) - 1, limit=10)
    assert outbox.find(event.id) == OutboxEvent.objects.get(id=event.id)


def watch() -> None:
    """What is asked every few seconds for ever: the outbox's status, the probes, the metrics."""
    outbox.status()
    assert Client().get("/metrics").status_code == 200


USE_CASES: list[Callable[[], None]] = [
    create_and_pay,
    pay_an_order,
    decline_and_void,
    settle_by_hand,
    hear_of_charges_by_reference,
    change_a_customer,
    keep_payment_methods,
    get_one_of_each,
    sweep,
    refund,
    sweep_refunds_and_retries,
    relay,
    mend_the_log,
    replay,
    look_at_deliveries_and_send_them_again,
    archive,
    watch,
    *subscriptions.USE_CASES,
]


def api_lists() -> list[tuple[str, type[ListAPIView[Any]]]]:
    """(path, view) of every list of the API."""
    found = [(path, getattr(callback, "view_class", None)) for path, callback in _routes(get_resolver())]
    return [(_filled(path), view) for path, view in found if view and issubclass(view, ListAPIView)]


def _filled(path: str) -> str:
    """With the id of something that has a long list."""
    endpoint = Endpoint.objects.order_by("id").first()
    return path.replace("<str:endpoint_id>", endpoint.id if endpoint else "")


def _routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry, route)
        elif isinstance(entry, URLPattern):
            yield f"/{route}", entry.callback


def queries(view: type[ListAPIView[Any]]) -> Iterator[dict[str, str]]:
    """Of a list: none, and each of its filters with a value that finds something."""
    rows = view.queryset.order_by("pk")  # type: ignore[union-attr]
    filters = view.filterset_class.base_filters if view.filterset_class else {}  # type: ignore[attr-defined]
    yield {}
    for name, each in filters.items():
        yield {name: _value(rows, each)}


def _value(rows: QuerySet[Any], each: Any) -> str:
    """What the filter finds a row in the middle by, or the first of its choices where it asks in a way of its own."""
    if each.method is not None:
        return str(each.extra["choices"][0][0])
    field = str(each.field_name)
    rows = rows.exclude(**{f"{field}__isnull": True})
    if isinstance(each, CharFilter) and not isinstance(each, IdFilter):
        rows = rows.exclude(**{field: ""})
    row = rows[rows.count() // 2]
    for name in field.split("__"):
        row = getattr(row, name)
    return row.isoformat() if isinstance(row, datetime.datetime) else str(row)


def turn_pages(path: str, query: dict[str, str]) -> None:
    """The first page, and the second when there is one."""
    api = ApiConsumer()
    further: dict[str, str] = {}
    while True:
        page = {**query, **further, "limit": "5"}
        answer = api.client.get(path, page, headers={"Authorization": f"Bearer {api.secret}"})
        assert answer.status_code == 200, (path, page, answer.content)
        following = json.loads(answer.content)["next_cursor"]
        if further or not following:
            return
        further = {"cursor": following}


def admin_addresses() -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, visit) of every list, filter, search and page of every registered model, and of the first page."""
    client = chief()
    visit = functools.partial(functools.partial, _visit, client)
    yield "admin index", visit("/admin/")
    yield "admin find", visit("/admin/find/", {"q": "nothing like it"})
    for model, model_admin in admin.site._registry.items():
        with plans.aside():
            row = model._default_manager.order_by("pk").first()
        if row is None:
            continue
        name = f"{model._meta.app_label}.{model._meta.model_name}"
        start = reverse(f"admin:{name.replace('.', '_')}_changelist")
        yield f"admin list {name}", visit(start)
        yield f"admin page {name}", visit(reverse(f"admin:{name.replace('.', '_')}_change", args=[quote(row.pk)]))
        for title, query in _filters(client, start):
            yield f"admin filter {name} {title}", visit(start + query)
        for title, term in _terms(model_admin, row):
            yield f"admin search {name} {title}", visit(start, {"q": term})


def _visit(client: Client, address: str, data: dict[str, str] | None = None) -> Any:
    answer: Any = client.get(address, data, follow=True)
    assert answer.status_code == 200, (address, data, answer.content[-500:])
    return answer


def _filters(client: Client, start: str) -> Iterator[tuple[str, str]]:
    changelist = _visit(client, start).context["cl"]
    for spec in changelist.filter_specs:
        for choice in spec.choices(changelist):
            if choice["query_string"] != "?":
                yield f"{spec.title}={choice['display']}", choice["query_string"]


def _terms(model_admin: Any, row: models.Model) -> Iterator[tuple[str, str]]:
    """What its search box takes, said of `row`; and what nobody has."""
    yield "by nothing like it", "nothing like it"
    yield "by id", str(row.pk)
    if not isinstance(model_admin, ReadOnlyAdmin):
        return
    for field in (*model_admin.search_fields, *model_admin.id_search_fields):
        term = _follow(row, field.removesuffix("__exact"))
        if term:
            yield f"by {field}", term


def _follow(row: Any, path: str) -> str:
    for name in path.split("__"):
        row = getattr(row, name, None)
        row = row.first() if hasattr(row, "first") else row
    return str(getattr(row, "pk", row)) if row not in (None, "") else ""
