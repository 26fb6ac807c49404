"""Everything that staff can do: with a reason, and for good with who did it and why."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.messages.constants import DEFAULT_TAGS
from django.test import Client
from django.urls import reverse

from billing import services as billing
from billing.models import ApiKey, Plan, Session, Subscription, User
from billing.tests.factories import make_plan, make_trial
from config.admin import ReasonedAction, ReasonedActionsAdmin, ReasonForm
from invoices.models import Invoice
from invoices.tests.factories import MERCHANT_KEY, make_credit, make_customer, make_invoice
from outbox import services as outbox
from outbox.models import HeldEvent, OutboxEvent
from payments import services as payments
from payments.models import Difference, Payment, PaymentMethod, Receipt, Refund
from payments.providers import registry
from payments.tests.factories import make_key, make_method, make_payment
from payments.tests.settlement.books import make_difference
from payments.tests.simulator import connected_simulator, simulated_with
from tests.admin.world import SOMEBODY, chief, decline, delivery, endpoint, pay, subscribed
from tests.api import ApiConsumer, SignedIn
from tests.invariants import check_invariants
from webhooks.inbound.models import ProviderEvent, Replay
from webhooks.inbound.tests.sending import answer_to, event_about
from webhooks.outbound import services as webhooks
from webhooks.outbound.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db
REASON = "because the chief says so"
ACTIONS: dict[tuple[str, str], ReasonedAction] = {
    (model._meta.label, action.name): action
    for model, model_admin in admin.site._registry.items()
    if isinstance(model_admin, ReasonedActionsAdmin)
    for action in model_admin.reasoned_actions
}


@pytest.fixture(autouse=True)
def _provider() -> Iterator[None]:
    """One that answers, and sends nothing by itself."""
    with connected_simulator() as simulator:
        simulator.core.dials = simulator.core.dials.changed({"drop": 1.0})
        yield


def transfer() -> Payment:
    """A bank transfer that is waited for."""
    payment = make_payment(provider="manual", token="")
    payments.submit(payment_id=payment.pk)
    return payment


def in_review() -> Payment:
    """The provider has captured another amount than was asked for."""
    payment = make_payment()
    answer_to(event_about(payment, amount=1000))
    return payment


@contextlib.contextmanager
def unreachable() -> Iterator[None]:
    """The provider, for as long as this lasts."""
    registry.get("simulated").close()  # type: ignore[attr-defined]
    with simulated_with(base_url="http://127.0.0.1:9"):
        yield


def lost() -> Payment:
    """The provider has it, and its answer never came."""
    payment = make_payment()
    with unreachable():
        payments.submit(payment_id=payment.pk)
    return payment


def manual_refund() -> Refund:
    """A bank transfer that has to be sent back."""
    payment = payments.confirm_payment(actor=MERCHANT_KEY, payment_id=transfer().pk)
    return payments.request_refund(actor=MERCHANT_KEY, payment_id=payment.pk, key=make_key()).row


def lost_refund() -> Refund:
    """Nobody knows whether it was made."""
    payment = make_payment()
    payments.submit(payment_id=payment.pk)
    refund = payments.request_refund(actor=MERCHANT_KEY, payment_id=payment.pk, key=make_key()).row
    with unreachable():
        payments.submit_refund(refund_id=refund.pk)
    return refund


def unapplied() -> Receipt:
    """What came for a payment in review."""
    return Receipt.objects.get(payment=in_review())


def second_method() -> PaymentMethod:
    """Another is the default."""
    return make_method(make_method().customer, token="tok_amex")


def held() -> HeldEvent:
    """An event that a subscriber cannot take."""
    pay(make_invoice())
    outbox.drain()
    return HeldEvent.objects.order_by("pk")[0]


def provider_event() -> ProviderEvent:
    """One that has been applied."""
    pay(make_invoice())
    return ProviderEvent.objects.order_by("-pk")[0]


def api_key() -> ApiKey:
    """One that works."""
    ApiConsumer()
    return ApiKey.objects.get()


def session() -> Session:
    """Somebody is signed in."""
    return SignedIn().session


def paused() -> Endpoint:
    """An endpoint that is sent nothing for now."""
    return webhooks.pause(actor=SOMEBODY, endpoint_id=endpoint().pk)


def disabled() -> Endpoint:
    """An endpoint that hears nothing."""
    return webhooks.disable(actor=SOMEBODY, endpoint_id=endpoint().pk)


def declined() -> Invoice:
    """For good."""
    return decline(make_invoice(), "stolen_card").invoice


def retired() -> Plan:
    """A plan that nobody can subscribe to."""
    return billing.update_plan(actor=MERCHANT_KEY, plan_id=make_plan().pk, changes={"is_active": False})


def expiring() -> Subscription:
    """A subscription whose first invoice nobody has paid in time."""
    subscription = subscribed()
    subscription.due_at = subscription.created_at
    subscription.save()
    return subscription


def changeable() -> Subscription:
    """A trial, with another plan to change to."""
    make_plan(3000, name="Pro")
    return make_trial()


def ending() -> Subscription:
    """A trial that is not renewed."""
    return billing.cancel_subscription(
        actor=MERCHANT_KEY, subscription_id=make_trial().pk, when=billing.When.PERIOD_END
    )  # fmt: skip


OBJECTS: dict[tuple[str, str], Callable[[], Any]] = {
    ("invoices.Customer", "grant_credit"): make_customer,
    ("invoices.Customer", "revoke_credit"): lambda: make_credit(500).customer,
    ("invoices.Invoice", "pay"): declined,
    ("invoices.Invoice", "void"): make_invoice,
    ("payments.Payment", "confirm"): transfer,
    ("payments.Payment", "fail"): transfer,
    ("payments.Payment", "cancel"): make_payment,
    ("payments.Payment", "refund"): lambda: pay(make_invoice()),
    ("payments.Payment", "resolve"): in_review,
    ("payments.Payment", "reconcile"): lost,
    ("payments.PaymentMethod", "make_default"): second_method,
    ("payments.PaymentMethod", "detach"): make_method,
    ("payments.Receipt", "dispose"): unapplied,
    ("payments.Refund", "confirm"): manual_refund,
    ("payments.Refund", "fail"): manual_refund,
    ("payments.Refund", "reconcile"): lost_refund,
    ("payments.Difference", "close"): make_difference,
    ("billing.ApiKey", "revoke"): api_key,
    ("billing.Plan", "update"): make_plan,
    ("billing.Plan", "retire"): make_plan,
    ("billing.Plan", "bring_back"): retired,
    ("billing.Subscription", "pay"): subscribed,
    ("billing.Subscription", "take_up"): expiring,
    ("billing.Subscription", "change_plan"): changeable,
    ("billing.Subscription", "reactivate"): ending,
    ("billing.Subscription", "cancel_at_period_end"): make_trial,
    ("billing.Subscription", "cancel"): make_trial,
    ("billing.Subscription", "cancel_and_credit"): make_trial,
    ("billing.Session", "revoke"): session,
    ("outbox.HeldEvent", "requeue"): held,
    ("outbox.HeldEvent", "skip"): held,
    ("inbound.ProviderEvent", "replay"): provider_event,
    ("outbound.Endpoint", "update"): endpoint,
    ("outbound.Endpoint", "ping"): endpoint,
    ("outbound.Endpoint", "pause"): endpoint,
    ("outbound.Endpoint", "resume"): paused,
    ("outbound.Endpoint", "disable"): endpoint,
    ("outbound.Endpoint", "enable"): disabled,
    ("outbound.Endpoint", "rotate"): endpoint,
    ("outbound.Endpoint", "delete"): endpoint,
    ("outbound.Delivery", "resend"): delivery,
}
"""An object that each action is possible for."""
ANSWERS = {
    ("billing.Plan", "update"): {"amount": "12.00"},
    ("billing.Subscription", "pay"): {"payment_method": "tok_visa"},
    ("invoices.Customer", "grant_credit"): {"amount": "5.00", "currency": "EUR"},
    ("payments.Payment", "resolve"): {"status": "failed", "disposition": "return"},
    ("payments.Receipt", "dispose"): {"disposition": "return"},
    ("outbound.Endpoint", "update"): {"description": "the shop"},
}
"""What is chosen where the opened form does not say it."""
each_action = pytest.mark.parametrize("known_as", OBJECTS, ids=lambda key: f"{key[0]}-{key[1]}")


def test_every_action_is_tried_below() -> None:
    """A new one says for what it is possible."""
    assert ACTIONS.keys() == OBJECTS.keys()


def url(known_as: tuple[str, str], obj: Any, page: str = "") -> str:
    model = obj._meta
    return reverse(f"admin:{model.app_label}_{model.model_name}_{page or known_as[1]}", args=[obj.pk])


def form_of(client: Client, known_as: tuple[str, str], obj: Any) -> dict[str, str]:
    """What a browser sends for the opened form, filled in."""
    form = client.get(url(known_as, obj)).context["form"]
    values = {name: form[name].value() for name in form.fields}
    opened = {name: "" if value is None else str(value) for name, value in values.items()}
    return opened | ANSWERS.get(known_as, {}) | {"reason": REASON}


def outcome(answer: Any) -> str:
    """Of the message that staff sees, or of the page that shows a secret instead."""
    if shown := answer.context.get("said"):
        return DEFAULT_TAGS[shown.level]
    *_, message = answer.context["messages"]
    return str(message.level_tag)


def signed(actor: str, reason: str) -> int:
    """How many rows say that `actor` did it for this reason."""
    models = (OutboxEvent, HeldEvent, Replay, Delivery)
    told = [model._default_manager.filter(actor=actor, reason=reason) for model in models]
    ended = [model._default_manager.filter(revoked_by=actor, revoked_reason=reason) for model in (ApiKey, Session)]
    closed = Difference.objects.filter(closed_by=actor, closed_reason=reason)
    return sum(rows.count() for rows in (*told, *ended, closed))


@each_action
def test_scar_powerstore_187_every_action_says_who_and_why(known_as: tuple[str, str]) -> None:
    """In the event, the row that it makes or ends, or the delivery that is sent again: in no log that goes."""
    obj, client = OBJECTS[known_as](), chief()
    form = form_of(client, known_as, obj)
    actor = f"staff:{User.objects.get(email='chief@example.com').pk}"
    assert signed(actor, REASON) == 0
    answer = client.post(url(known_as, obj), form, follow=True)
    assert outcome(answer) in ("success", "warning")
    assert signed(actor, REASON) >= 1
    check_invariants()


@each_action
def test_no_action_is_done_without_a_reason(known_as: tuple[str, str]) -> None:
    """The form comes back, and nothing has happened."""
    assert issubclass(ACTIONS[known_as].form, ReasonForm)
    obj, client = OBJECTS[known_as](), chief()
    form = form_of(client, known_as, obj)
    before = OutboxEvent.objects.count()
    for reason in ("", "  ", "x" * 501, "card 4242 4242 4242 4242"):
        page = client.post(url(known_as, obj), form | {"reason": reason})
        assert page.status_code == 200
        assert page.context["form"].errors["reason"], reason
    assert OutboxEvent.objects.count() == before


@each_action
def test_every_action_needs_a_permission_of_its_own(known_as: tuple[str, str]) -> None:
    """Seeing the object, and every other permission there is, does not do; some actions share one."""
    obj = OBJECTS[known_as]()
    model = type(obj)._meta
    clerk = User.objects.create(email="clerk@example.com", is_staff=True)
    action = ACTIONS[known_as]
    needed = Permission.objects.get(codename=f"{action.permission or action.name}_{model.model_name}")
    clerk.user_permissions.set(Permission.objects.exclude(pk=needed.pk))
    client = Client()
    client.force_login(clerk)
    assert f'href="../{known_as[1]}/"' not in client.get(url(known_as, obj, "change")).content.decode()
    assert client.get(url(known_as, obj)).status_code == 403
    assert client.post(url(known_as, obj), {"reason": REASON}).status_code == 403
    clerk.user_permissions.add(needed)
    assert Client().get(url(known_as, obj)).status_code == 302
