"""Everything that happens often, or that somebody waits for, run on a full database.

What lists and pages read is in `pages`. Whoever adds a hot use case adds it to `USE_CASES`.
"""

import datetime
import functools
import itertools
from collections.abc import Callable
from unittest import mock

from django.core.management import call_command
from django.test import Client

from billing import services as billing
from billing.models import Subscription, SubscriptionInvoice
from config.api.principals import system
from config.kernel import clock
from invoices.models import Customer, Invoice
from invoices.services import Line
from invoices.tests.factories import issue
from outbox import services as outbox
from outbox.models import ArchivedEvent, HeldEvent, OutboxEvent
from outbox.services import archiving as log_archiving
from payments import services as payments
from payments.models import Payment, Refund
from payments.services import PaymentTerms
from payments.tests.factories import make_key
from tests.api import PASSWORD, ApiConsumer, SignedIn
from tests.scale import plans
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.services import archiving as inbox_archiving
from webhooks.inbound.tests.sending import answer_to, event, event_about
from webhooks.outbound.models import Delivery
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


def use_credit() -> None:
    """Granted, applied to an invoice that is voided, revoked, looked at; and a line taken back."""
    api = ApiConsumer()
    customer = Customer.objects.order_by("id")[0]
    path = f"customers/{customer.id}/credits"
    assert api.post(path, {"amount": 700, "currency": "EUR"}, key="grant-1").status_code == 201
    invoice = api.post("invoices", {"amount": 90_000, "currency": "EUR", "customer": customer.id}).json()
    assert invoice["amount_credited"] >= 700
    [line] = invoice["lines"]
    issue(customer, Line(unit_amount=-10, reverses=line["id"]))
    assert api.post(f"invoices/{invoice['id']}/void").json()["code"] == "lines_reversed"
    voided = api.post("invoices", {"amount": 90_000, "currency": "EUR", "customer": customer.id}).json()
    assert api.post(f"invoices/{voided['id']}/void").status_code == 200
    assert api.post(f"{path}/revoke", {"amount": 10, "currency": "EUR"}).status_code == 201
    assert api.get(f"customers/{customer.id}/balance").status_code == 200


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


def customers_come() -> None:
    """One registers, signs in again, reads what is theirs, pays, and forgets the password; old sessions are deleted."""
    ada = SignedIn()
    with plans.aside():
        invoice = Invoice.objects.filter(status="open", customer=None).order_by("-id").first()
        invoice = invoice or Invoice.objects.filter(status="open").order_by("-id")[0]
        invoice.customer_id = ada.customer_id
        invoice.save()
    assert ada.post("auth/login", {"email": ada.email, "password": PASSWORD}).status_code == 200
    assert ada.post("auth/refresh", {"refresh": ada.refresh}).status_code == 200
    payment = ada.pay(invoice.id).json()
    for path in ("auth/me", f"customers/{ada.customer_id}", "invoices", f"invoices/{invoice.id}"):
        assert ada.get(path).status_code == 200
    for path in ("payments", f"payments/{payment['id']}", "refunds", f"payments?invoice={invoice.id}"):
        assert ada.get(path).status_code == 200
    assert ada.post("auth/password/reset", {"email": ada.email}).status_code == 202
    assert billing.sweep_mail() == 1
    assert billing.forget_sessions() + billing.forget_mail() == 0


def use_what_a_plan_holds() -> None:
    """Of a counter that is there, twice with one key; of one that is not; over the limit; and what there is to use."""
    api = ApiConsumer()
    with plans.aside():
        customer = Customer.objects.order_by("id")[0].id
    for feature, delta, status in (("api_calls", 2, 201), ("storage", 1, 201), ("api_calls", 1000, 409)):
        body = {"feature_name": feature, "delta": delta, "customer": customer}
        assert api.post("usage/use", body, key=f"{feature}-{delta}").status_code == status
    repeated = {"feature_name": "api_calls", "delta": 2, "customer": customer}
    assert api.post("usage/use", repeated, key="api_calls-2").status_code == 200
    for path in ("me", "limits"):
        assert len(api.get(f"usage/{path}?customer={customer}").json()["data"]) == 2


def watch() -> None:
    """What is asked every few seconds for ever: the outbox's status, the probes, the metrics."""
    outbox.status()
    assert Client().get("/metrics").status_code == 200


def subscribe_and_follow() -> None:
    """To a plan and, once the invoice is paid, active; looked at, changed, to be ended and not, ended."""
    api = ApiConsumer()
    with plans.aside():
        customer = Customer.objects.order_by("-id")[0]
        first, second = (_plan(amount) for amount in (1000, 2000))
    new = billing.NewSubscription(
        customer_id=customer.id, plan_id=first, terms=PaymentTerms(provider="simulated", payment_method="tok_visa")
    )
    made = billing.subscribe(actor=ACTOR, new=new, key=None).row
    with plans.aside():
        payment = Payment.objects.order_by("-id")[0]
        assert answer_to(event_about(payment)) == "processed"
    outbox.drain()
    assert api.get(f"subscriptions/{made.id}").json()["status"] == "active"
    billing.change_plan(actor=ACTOR, subscription_id=made.id, plan_id=second, when=billing.When.PERIOD_END)
    billing.cancel_subscription(actor=ACTOR, subscription_id=made.id, when=billing.When.PERIOD_END)
    billing.reactivate_subscription(actor=ACTOR, subscription_id=made.id)
    billing.cancel_subscription(actor=ACTOR, subscription_id=made.id, credit_unused=True, void_open_invoices=True)
    billing.update_plan(actor=ACTOR, plan_id=first, changes={"amount": 1500})


def _plan(amount: int) -> str:
    terms = billing.PlanTerms(amount=amount, currency="EUR", cycle="month")
    return billing.create_plan(actor=ACTOR, name="New", family="new", terms=terms, key=None).row.id


def renew() -> None:
    """A renewal of the one with the long history, an end, and an end of days of grace, out of thousands."""
    now = clock.now() - datetime.timedelta(seconds=1)
    with plans.aside():
        long, ending = Subscription.objects.filter(status="active").order_by("-id")[:2]
        owing = Subscription.objects.filter(status="past_due").order_by("-id")[0]
        ending.cancels_at_period_end = True
        owing.past_due_at = now - datetime.timedelta(days=8)
        for row in (long, ending, owing):
            row.due_at = now
            row.save()
    assert billing.renew_due() == 3
    with plans.aside():
        assert Subscription.objects.get(id=ending.id).status == "canceled"


def pay_what_a_subscription_owes() -> None:
    """The oldest of its invoices that is not paid."""
    with plans.aside():
        owing = SubscriptionInvoice.objects.filter(invoice__status="open").order_by("-id")[0].subscription_id
    terms = PaymentTerms(provider="simulated", payment_method="tok_visa")
    assert billing.pay_subscription(actor=ACTOR, subscription_id=owing, terms=terms, key=make_key()).is_new


USE_CASES: list[Callable[[], None]] = [
    create_and_pay,
    pay_an_order,
    decline_and_void,
    settle_by_hand,
    hear_of_charges_by_reference,
    change_a_customer,
    keep_payment_methods,
    use_credit,
    get_one_of_each,
    sweep,
    refund,
    sweep_refunds_and_retries,
    relay,
    mend_the_log,
    replay,
    look_at_deliveries_and_send_them_again,
    archive,
    customers_come,
    use_what_a_plan_holds,
    watch,
    subscribe_and_follow,
    renew,
    pay_what_a_subscription_owes,
]
