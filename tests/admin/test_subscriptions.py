"""Subscriptions in the back office: what their pages say and what they cost, and what staff does there."""

import datetime
import re
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing import services
from billing.admin.wording import next_step
from billing.models import Plan, Subscription, SubscriptionInvoice, User
from billing.services import When
from billing.tests.factories import (
    again,
    go_to,
    invoices_of,
    make_active,
    make_customer,
    make_plan,
    make_subscription,
    make_trial,
    renew,
    settle,
)
from config.kernel import clock
from config.test_clock.models import Offset
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent
from payments.models import Payment
from payments.tests.factories import HARD
from tests.admin.world import chief, subscribed
from tests.invariants import check_invariants
from tests.staff import signed_in as staff

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("movable_clock")]


@pytest.fixture(autouse=True)
def subscribers(settings: Any) -> None:
    """Billing hears of its invoices."""
    settings.EVENT_CONSUMERS = {
        "subscriptions": {"handler": "billing.services.follow_invoice", "events": ["invoice.*"]},
    }
    settings.EVENT_PUBLISHERS = {}


def url(row: Subscription | Plan, page: str = "change") -> str:
    return reverse(f"admin:billing_{row._meta.model_name}_{page}", args=[quote(row.pk)])


def page_of(row: Subscription | Plan, client: Client | None = None) -> str:
    return (client or chief()).get(url(row)).content.decode()


def form_of(client: Client, address: str, **answers: str) -> dict[str, str]:
    """What a browser sends for the opened form."""
    form = client.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    opened = {name: "" if value is None else str(value) for name, value in values.items()}
    return opened | {"reason": "the customer rang"} | answers


def do(row: Subscription | Plan, action: str, client: Client | None = None, **answers: str) -> Any:
    """Open the form, fill it in, send it, and look at the page that follows."""
    client = client or chief()
    return client.post(url(row, action), form_of(client, url(row, action), **answers), follow=True)


def said(answer: Any) -> str:
    *_, message = answer.context["messages"]
    return str(message)


def list_of(model: str, client: Client, **query: str) -> list[str]:
    answer: Any = client.get(reverse(f"admin:billing_{model}_changelist"), query)
    return [row.pk for row in answer.context["cl"].result_list]


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_subscription_tells_what_it_is_and_what_comes_next() -> None:
    """Plan, price, period, why something happens, invoices, usage, and the log with those of its invoices."""
    subscription = subscribed(make_plan(1250, features={"api_calls": {"limit": 1000}}))
    client = chief()
    text = text_of(page_of(subscription, client))
    for expected in ("Basic, version 1", "12.50 EUR a month", "It expires, unless its first invoice is paid before.",
                     invoices_of(subscription)[0].pk, "api_calls", "1,000"):  # fmt: skip
        assert expected in text, expected
    items = client.get(url(subscription)).context["timeline"].items
    titles = [(item.kind, item.title) for item in items]
    assert titles == [
        ("Event", "subscription.created"), ("Event", "invoice.created"), ("Invoice", "12.50 EUR"),
    ]  # fmt: skip


def test_what_comes_next_is_said_for_every_state() -> None:
    """In words, with the plan and the price where there is one."""
    basic, pro = make_plan(1000), make_plan(3000, name="Pro")
    subscription = make_active(pro)
    assert next_step(subscription) == "It renews: period 2 begins, of Pro for 30.00 EUR a month."
    services.change_plan(actor=MERCHANT_KEY, subscription_id=subscription.pk, plan_id=basic.pk)
    assert next_step(again(subscription)) == "It renews: period 2 begins, of Basic for 10.00 EUR a month."
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.pk, when=When.PERIOD_END)
    assert next_step(again(subscription)) == "It is canceled: its period ends."
    trial = make_trial()
    assert next_step(trial) == "Its trial ends: period 1 begins, of Basic for 10.00 EUR a month."
    for after_grace, words in {"suspend": "It is suspended until", "cancel": "It is canceled: the days of"}.items():
        owing = make_active(make_plan(after_grace=after_grace))
        go_to(owing.period_ends_at)
        renew()
        settle(owing, HARD)
        assert next_step(again(owing)).startswith(words)
    go_to(clock.now() + datetime.timedelta(days=8))
    services.renew_due()
    ends = {each.status: next_step(each) for each in Subscription.objects.all()}
    assert ends["unpaid"] == "Nothing, until somebody pays what it owes, or cancels it."
    assert ends["canceled"] == "Nothing: it has ended."


def test_a_list_finds_by_what_staff_knows() -> None:
    """Its id, the customer's, an invoice's, an e-mail address; by state, plan and when it is due."""
    client, plan = chief(), make_plan(name="Other", family="other")
    customer = make_customer()
    customer.email = "ada@example.com"
    customer.save()
    wanted, other = make_subscription(customer=customer), make_trial(plan_with_trial := make_plan(trial_days=3))
    invoice = invoices_of(wanted)[0]
    for term in (wanted.pk, customer.pk, invoice.pk, "ada@example.com"):
        assert list_of("subscription", client, q=term) == [wanted.pk], term
    assert list_of("subscription", client, q="nobody@example.com") == []
    assert list_of("subscription", client, status__exact="trialing") == [other.pk]
    assert list_of("subscription", client, plan=plan_with_trial.pk) == [other.pk]
    assert list_of("subscription", client, plan=plan.pk) == []
    assert list_of("subscription", client, due="never") == []
    assert list_of("subscription", client, due="day") == [wanted.pk]
    assert list_of("subscription", client, due="week") == [other.pk, wanted.pk]
    for nonsense in ({"plan": "plan_"}, {"plan": "' OR 1"}, {"due": "soon"}, {"due": "-1"}, {"due": "9" * 30}):
        assert client.get(reverse("admin:billing_subscription_changelist"), nonsense).status_code in (200, 302)


def test_invoices_and_customers_lead_to_subscriptions() -> None:
    """And an invoice that none caused to nothing."""
    subscription, client = make_subscription(), chief()
    link = f'href="{url(subscription)}"'
    for name, pk in (("invoice", invoices_of(subscription)[0].pk), ("customer", subscription.customer_id)):
        page = client.get(reverse(f"admin:invoices_{name}_change", args=[quote(pk)])).content.decode()
        assert link in page, name


def statements(client: Client, address: str) -> int:
    """Those of the page; the test clock is read once a second besides, whatever is asked for."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return sum(Offset._meta.db_table not in query["sql"] for query in captured)


def test_lists_and_pages_cost_the_same_however_many_there_are() -> None:
    """Fifty subscriptions, fifty invoices of one, fifty counters, fifty versions of a plan."""
    client, subscription, plan = chief(), subscribed(), make_plan()
    addresses = [
        reverse("admin:billing_subscription_changelist"),
        url(subscription),
        reverse("admin:billing_plan_changelist"),
        url(plan),
    ]
    for address in addresses:
        client.get(address)
    few = [statements(client, address) for address in addresses]
    for number in range(50):
        more = subscribed()
        SubscriptionInvoice.objects.filter(subscription=more).update(subscription=subscription, period=None)
        more.usage.update(subscription=subscription, period=number + 2)
        services.update_plan(actor=MERCHANT_KEY, plan_id=plan.pk, changes={"amount": number})
    assert [statements(client, address) for address in addresses] == few
    assert few == [17, 14, 7, 6]


def test_staff_changes_the_plan() -> None:
    """Among those of the family and currency, now or later, and back."""
    pro = make_plan(3000, name="Pro")
    make_plan(name="Elsewhere", family="other")
    make_plan(name="Dollars", currency="USD")
    services.update_plan(actor=MERCHANT_KEY, plan_id=make_plan(name="Retired").pk, changes={"is_active": False})
    subscription, client = make_active(make_plan(1000)), chief()
    form: Any = client.get(url(subscription, "change_plan")).context["form"]
    assert form.fields["plan"].choices == [(pro.pk, "Pro: 30.00 EUR a month")]
    answer = do(subscription, "change_plan", client, when="period_end")
    assert said(answer) == "It changes to Pro when its period ends."
    back = client.get(url(subscription, "change_plan")).context["form"].fields["plan"].choices
    assert [text for _, text in back] == ["Basic: 10.00 EUR a month", "Pro: 30.00 EUR a month"]
    assert said(do(subscription, "change_plan", client)) == "Its plan is Basic."
    assert said(do(subscription, "change_plan", client)) == "Its plan is Pro."
    assert invoices_of(subscription)[-1].status == "processing"
    settle(subscription)
    check_invariants()


def test_staff_cancels_and_takes_it_back() -> None:
    """At the end of the period, then not at all, then now with the rest credited."""
    subscription = make_active()
    assert said(do(subscription, "cancel_at_period_end")) == "It is not renewed."
    assert "It is canceled when its period ends already." in page_of(subscription)
    assert said(do(subscription, "reactivate")) == "It goes on when its period ends."
    credited = "It has ended, and 10.00 EUR for what was not used is credited."
    assert said(do(subscription, "cancel_and_credit")) == credited
    ended = again(subscription)
    assert (ended.status, ended.cancel_reason) == ("canceled", "the customer rang")
    assert sum(amount for _, amount in ended.customer.credit_balances()) == 1000
    check_invariants()


def test_what_is_open_can_be_voided_with_it() -> None:
    """The box in the form."""
    subscription = make_active(make_plan())
    go_to(subscription.period_ends_at)
    renew()
    settle(subscription, HARD)
    do(subscription, "cancel", void_open_invoices="on")
    assert invoices_of(subscription)[-1].status == "void"
    check_invariants()


def test_staff_hears_where_there_was_nothing_to_credit() -> None:
    """Of what is past due, and of a trial; what an earlier change of plan took back is not counted."""
    past_due, changed = make_active(), make_active(make_plan(1000))
    services.change_plan(actor=MERCHANT_KEY, subscription_id=changed.pk, plan_id=make_plan(3000, name="Pro").pk)
    settle(changed, HARD)
    go_to(past_due.period_ends_at)
    renew()
    settle(past_due, HARD)
    for subscription in (past_due, changed, make_trial()):
        assert said(do(subscription, "cancel_and_credit")) == "It has ended. There was nothing to credit."
        assert list(again(subscription).customer.credit_balances()) == []


def test_voiding_and_crediting_need_the_permissions_that_they_need_elsewhere() -> None:
    """Whoever may cancel and no more has neither the button nor the box, nor a way around them."""
    subscription, clerk = make_active(), staff("view_subscription", "cancel_subscription")
    assert "cancel_and_credit" not in page_of(subscription, clerk)
    assert "void_open_invoices" not in clerk.get(url(subscription, "cancel")).content.decode()
    for action, answers in {"cancel_and_credit": {}, "cancel": {"void_open_invoices": "on"}}.items():
        assert clerk.post(url(subscription, action), {"reason": "x", **answers}).status_code == 403
    assert again(subscription).status == "active"
    may = ["credit_customer", "void_invoice"]
    User.objects.get(email="staff@example.com").user_permissions.add(*Permission.objects.filter(codename__in=may))
    assert "cancel_and_credit" in page_of(subscription, clerk)
    assert said(do(subscription, "cancel_and_credit", clerk, void_open_invoices="on")).startswith("It has ended, and")


def test_staff_has_done_what_is_due() -> None:
    """The renewal that the sweep has not made yet, signed by staff; then there is nothing more to take up."""
    subscription, client = make_active(), chief()
    assert 'href="../take_up/"' not in page_of(subscription, client)
    go_to(subscription.period_ends_at)
    answer = do(subscription, "take_up", client)
    assert said(answer).startswith("It is active, in period 2. What comes next: It renews: period 3")
    event = OutboxEvent.objects.get(type="subscription.renewed")
    assert (event.actor, event.reason) == (f"staff:{User.objects.get().pk}", "the customer rang")
    services.renew_due()
    assert again(subscription).period == 2
    assert "Nothing is due to happen" in page_of(subscription, client)


def test_staff_has_it_paid_once() -> None:
    """The same form is the same payment; what it is paid with is kept, and signed."""
    subscription, client = make_subscription(terms=None), chief()
    form = form_of(client, url(subscription, "pay"), provider="simulated", payment_method="tok_visa")
    answers = [client.post(url(subscription, "pay"), form, follow=True) for _ in range(2)]
    payment = Payment.objects.get()
    assert said(answers[0]) == f"Payment {payment.pk} over 10.00 EUR is on its way."
    assert said(answers[1]) == f"This form was sent before: payment {payment.pk} over 10.00 EUR."
    assert again(subscription).payment_method == "tok_visa"
    event = OutboxEvent.objects.get(type="payment.requested")
    assert (event.actor, event.reason) == (f"staff:{User.objects.get().pk}", "the customer rang")
    assert settle(subscription).status == "active"
    assert "Nothing is due for subscription" in page_of(subscription, client)
    check_invariants()


def test_what_the_service_refuses_is_a_message() -> None:
    """Somebody else was faster."""
    subscription, client = make_active(), chief()
    forms = {name: form_of(client, url(subscription, name)) for name in ("cancel", "cancel_at_period_end")}
    services.cancel_subscription(actor=MERCHANT_KEY, subscription_id=subscription.pk)
    for name, form in forms.items():
        answer = client.post(url(subscription, name), form, follow=True)
        assert "Cannot cancel subscription in canceled status" in said(answer), name


def test_the_first_page_tells_of_those_that_owe_and_those_that_nobody_renews() -> None:
    """Each tile leads to exactly those."""
    past_due, unpaid = make_active(), make_active(make_plan())
    for subscription in (past_due, unpaid):
        go_to(again(subscription).period_ends_at)
        renew()
        settle(subscription, HARD)
    owing = again(unpaid)
    Subscription.objects.filter(pk=owing.pk).update(status="unpaid", due_at=None)
    late = make_trial()
    Subscription.objects.filter(pk=late.pk).update(due_at=clock.now() - datetime.timedelta(hours=2))
    client = chief()
    tiles = {tile.title: tile for tile in client.get("/admin/").context["tiles"]}
    for title, rows in {
        "Past due subscriptions": [past_due],
        "Unpaid subscriptions": [unpaid],
        "Overdue renewals": [late],
    }.items():
        listed: Any = client.get(tiles[title].url).context["cl"].result_list
        assert list(listed) == rows, title
        assert tiles[title].count.number == 1
    assert tiles["Overdue renewals"].detail == "oldest 2 h"
