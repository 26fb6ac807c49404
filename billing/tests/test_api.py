"""Plans and subscriptions over HTTP: what is answered, and what is refused with which code."""

from typing import Any

import pytest

from billing import services
from billing.models import Plan, Subscription
from billing.tests.factories import events_of, make_active, make_plan, make_subscription, make_trial, settle
from invoices.tests.factories import MERCHANT_KEY, make_customer
from payments.models import Payment
from payments.services import PaymentTerms
from payments.tests.factories import SOFT, make_method
from tests.api import ApiConsumer, SignedIn

pytestmark = pytest.mark.django_db

PRO = {"name": "Pro", "amount": 2900, "currency": "EUR", "cycle": "month"}


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


def refusal(answer: Any) -> tuple[int, str, list[str]]:
    """Status, code, and the fields that are wrong."""
    problem = answer.json()
    return answer.status_code, problem["code"], [error["field"] for error in problem["errors"]]


def test_a_plan_is_created_once_per_key(api: ApiConsumer) -> None:
    """With what it does not say from the settings; a repetition gets the same."""
    body = PRO | {"trial_days": 14, "features": {"api_calls": {"limit": 1000}, "storage": {"limit": "1GB"}}}
    created = api.post("plans", body, key="k")
    assert created.status_code == 201
    plan = created.json()
    assert (plan["version"], plan["family"], plan["grace_days"], plan["after_grace"]) == (1, "default", 7, "suspend")
    assert plan["retry_policy"]["max_attempts"] == 4
    assert plan["features"] == body["features"]
    again = api.post("plans", body, key="k")
    assert (again.status_code, again.json()) == (200, plan)
    assert refusal(api.post("plans", body | {"amount": 1}, key="k"))[:2] == (409, "idempotency_key_reused")
    assert api.get(f"plans/{plan['id']}").json() == plan


def test_a_new_price_is_a_new_version_and_a_new_name_is_not(api: ApiConsumer) -> None:
    """What is sent as it was changes nothing."""
    id = api.post("plans", PRO).json()["id"]
    assert api.request("PATCH", f"plans/{id}", {"name": "Pro 2"}).json()["version"] == 1
    assert api.request("PATCH", f"plans/{id}", {"amount": 2900}).json()["version"] == 1
    changed = api.request("PATCH", f"plans/{id}", {"amount": 3100, "trial_days": 7}).json()
    assert (changed["version"], changed["amount"], changed["trial_days"], changed["name"]) == (2, 3100, 7, "Pro 2")
    assert Plan.objects.get().versions.count() == 2


def test_a_default_currency_is_for_new_plans_only(api: ApiConsumer, settings: Any) -> None:
    """A plan that is in another one stays in it, whatever else about it changes."""
    settings.DEFAULT_CURRENCY = "EUR"
    created = api.post("plans", {name: value for name, value in PRO.items() if name != "currency"})
    assert (created.status_code, created.json()["currency"]) == (201, "EUR")
    id = api.post("plans", PRO | {"currency": "JPY"}).json()["id"]
    renamed = api.request("PATCH", f"plans/{id}", {"name": "Pro 2"}).json()
    assert (renamed["name"], renamed["currency"], renamed["version"]) == ("Pro 2", "JPY", 1)
    dearer = api.request("PATCH", f"plans/{id}", {"amount": 3100}).json()
    assert (dearer["amount"], dearer["currency"], dearer["version"]) == (3100, "JPY", 2)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": -1}, "amount"),
        ({"amount": 12.5}, "amount"),
        ({"amount": "2900"}, "amount"),
        ({"currency": "XXX"}, "currency"),
        ({"cycle": "fortnight"}, "cycle"),
        ({"trial_days": -1}, "trial_days"),
        ({"trial_days": 100_000}, "trial_days"),
        ({"features": {"API Calls": True}}, "features.API Calls"),
        ({"features": {"api_calls": {"limit": -1}}}, "features.api_calls"),
        ({"features": {"api_calls": {"limit": "much"}}}, "features.api_calls"),
        ({"features": {"api_calls": {"limit": None, "overage": {"unit_amount": 1}}}}, "features.api_calls"),
        ({"features": ["api_calls"]}, "features"),
        ({"retry_policy": {"max_attempts": 0}}, "retry_policy.max_attempts"),
        ({"name": ""}, "name"),
        ({"price": 2900}, "price"),
    ],
)
def test_a_plan_that_is_not_valid_names_what_is_wrong(api: ApiConsumer, change: dict[str, Any], field: str) -> None:
    """And is not stored."""
    status, _, fields = refusal(api.post("plans", PRO | change))
    assert (status, fields) == (422, [field])
    assert not Plan.objects.exists()


def test_customers_see_active_plans_only(api: ApiConsumer) -> None:
    """A retired one is not found, and back ends see it."""
    plan = make_plan()
    api.request("PATCH", f"plans/{plan.id}", {"is_active": False})
    ada = SignedIn()
    assert ada.get("plans").json()["data"] == []
    assert ada.get(f"plans/{plan.id}").status_code == 404
    assert [each["is_active"] for each in api.get("plans").json()["data"]] == [False]


def test_a_back_end_subscribes_a_customer(api: ApiConsumer) -> None:
    """A payment is made at once; the repetition of the request changes nothing."""
    body = {"plan": make_plan().id, "customer": make_customer().id, "payment_method": "tok_visa"}
    created = api.post("subscriptions", body, key="k")
    assert created.status_code == 201
    subscription = created.json()
    assert (subscription["status"], subscription["period"], subscription["payment_method"]) == (
        "pending",
        1,
        "tok_visa",
    )
    assert [invoice["status"] for invoice in subscription["invoices"]] == ["processing"]
    assert api.post("subscriptions", body, key="k").status_code == 200
    assert refusal(api.post("subscriptions", body))[:2] == (409, "already_subscribed")
    assert (Subscription.objects.count(), Payment.objects.count()) == (1, 1)


def test_a_back_end_names_the_customer(api: ApiConsumer) -> None:
    """Whom it does not name it does not subscribe, and nobody unknown either."""
    plan = make_plan()
    assert refusal(api.post("subscriptions", {"plan": plan.id})) == (422, "invalid", ["customer"])
    assert refusal(api.post("subscriptions", {"plan": plan.id, "customer": "cus_x"}))[:2] == (404, "customer_not_found")


@pytest.mark.parametrize("path", ["subscriptions", "subscriptions/trial"])
def test_what_cannot_be_subscribed_to_is_refused(path: str) -> None:
    """An unknown plan, one that is not active, one without a trial, a strange time zone, a method of somebody else."""
    ada, plan = SignedIn(), make_plan(trial_days=14)
    retired = make_plan(trial_days=14)
    services.update_plan(actor=MERCHANT_KEY, plan_id=retired.id, changes={"is_active": False})
    foreign = make_method(make_customer())
    assert refusal(ada.post(path, {"plan": "plan_x"}))[:2] == (404, "plan_not_found")
    assert refusal(ada.post(path, {"plan": retired.id}))[:2] == (409, "plan_inactive")
    assert refusal(ada.post(path, {"plan": plan.id, "time_zone": "Mars/Olympus"})) == (422, "invalid", ["time_zone"])
    method = {"plan": plan.id, "payment_method": foreign.id}
    assert refusal(ada.post(path, method))[:2] == (422, "payment_method_not_found")
    card = {"plan": plan.id, "payment_method": "4242424242424242"}
    assert refusal(ada.post(path, card))[0] == 422
    assert not Subscription.objects.exists()


def test_a_family_has_one_trial_for_each_customer() -> None:
    """Also after the first one was canceled."""
    ada, plan, other = SignedIn(), make_plan(trial_days=14), make_plan(trial_days=30, name="Other")
    trial = ada.post("subscriptions/trial", {"plan": plan.id}).json()
    assert trial["status"] == "trialing"
    assert ada.request("DELETE", f"subscriptions/{trial['id']}").json()["status"] == "canceled"
    assert refusal(ada.post("subscriptions/trial", {"plan": other.id}))[:2] == (409, "trial_used")
    assert refusal(ada.post("subscriptions/trial", {"plan": make_plan(name="None").id}))[1] == "plan_has_no_trial"
    assert SignedIn().post("subscriptions/trial", {"plan": plan.id}).status_code == 201


def test_a_subscription_is_paid_for_with_one_call(api: ApiConsumer) -> None:
    """Whatever it owes; amounts are not sent, and what is not theirs is not found."""
    subscription = make_subscription(terms=None)
    body = {"subscription": subscription.id, "payment_method": "tok_visa"}
    assert refusal(SignedIn().post("payments", body, key="k"))[:2] == (404, "subscription_not_found")
    assert refusal(api.post("payments", body | {"amount": 1000, "currency": "EUR"}, key="k"))[0] == 422
    assert refusal(api.post("payments", {"payment_method": "tok_visa"}, key="k"))[0] == 422
    paid = api.post("payments", body, key="k")
    assert (paid.status_code, paid.json()["amount"]) == (201, 1000)
    assert api.post("payments", body, key="k").status_code == 200
    assert refusal(api.post("payments", body, key="other"))[:2] == (409, "payment_already_live")
    assert refusal(api.post("payments", body | {"payment_method": "tok_amex"}, key="k"))[1] == "idempotency_key_reused"


def test_what_is_not_said_is_what_the_subscription_is_paid_with(api: ApiConsumer) -> None:
    """Its own method before the customer's default, as in a renewal; saying nothing changes nothing for later."""
    customer = make_customer()
    own, default = make_method(customer), make_method(customer, token="tok_mastercard", default=True)
    subscription = make_subscription(customer=customer, terms=PaymentTerms(payment_method=own.id))
    settle(subscription, SOFT)
    paid = api.post("payments", {"subscription": subscription.id}, key="k").json()
    assert Payment.objects.get(id=paid["id"]).attached_method_id == own.id
    assert events_of(settle(subscription, SOFT)) == ["created"]
    named = api.post("payments", {"subscription": subscription.id, "payment_method": default.id}, key="l").json()
    assert Payment.objects.get(id=named["id"]).attached_method_id == default.id
    assert events_of(subscription) == ["created", "payment_method_changed"]


def test_paying_ends_a_trial(api: ApiConsumer) -> None:
    """The first period begins now."""
    trial = make_trial()
    paid = api.post("payments", {"subscription": trial.id, "payment_method": "tok_visa"}, key="k")
    assert paid.status_code == 201
    shown = api.get(f"subscriptions/{trial.id}").json()
    assert (shown["status"], shown["period"], shown["trial_ends_at"]) == ("trialing", 1, shown["period_starts_at"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "plan"),
        ({"plan": "plan_x", "payment_method": "tok_visa"}, "plan"),
        ({"payment_method": "tok_visa", "when": "now"}, "when"),
        ({"plan": "plan_x", "when": "tomorrow"}, "when"),
        ({"plan": "plan_x", "provider": "manual"}, "provider"),
        ({"payment_method": "", "provider": "manual"}, "provider"),
    ],
)
def test_a_change_says_one_thing(api: ApiConsumer, body: dict[str, Any], field: str) -> None:
    """Another plan, or another payment method."""
    id = make_active().id
    assert refusal(api.request("PATCH", f"subscriptions/{id}", body)) == (422, "invalid", [field])


def test_a_change_of_plan_is_refused_with_a_code(api: ApiConsumer) -> None:
    """The same plan, one in another currency or of another family, one that is not there."""
    plan = make_plan()
    path = f"subscriptions/{make_active(plan).id}"
    codes = {
        plan.id: (409, "same_plan"),
        make_plan(currency="USD", name="Dollars").id: (409, "currency_differs"),
        make_plan(family="addons", name="Addon").id: (409, "other_family"),
        "plan_x": (404, "plan_not_found"),
    }
    for id, expected in codes.items():
        assert refusal(api.request("PATCH", path, {"plan": id}))[:2] == expected


def test_canceling_twice_is_a_conflict(api: ApiConsumer) -> None:
    """Now, or for the end of the period."""
    id = make_active().id
    later = api.request("DELETE", f"subscriptions/{id}?when=period_end&reason=enough")
    assert (later.json()["cancels_at_period_end"], later.json()["cancel_reason"]) == (True, "enough")
    assert refusal(api.request("DELETE", f"subscriptions/{id}?when=period_end"))[:2] == (409, "cancel_scheduled")
    assert refusal(api.request("DELETE", f"subscriptions/{id}?when=never")) == (422, "invalid", ["when"])
    assert api.post(f"subscriptions/{id}/reactivate", {}).json()["cancels_at_period_end"] is False
    assert refusal(api.post(f"subscriptions/{id}/reactivate", {}))[:2] == (409, "cancel_not_scheduled")
    assert api.post(f"subscriptions/{id}/cancel", {}).json()["status"] == "canceled"
    assert refusal(api.post(f"subscriptions/{id}/cancel", {}))[:2] == (409, "forbidden_transition")
    assert refusal(api.request("DELETE", "subscriptions/sub_x"))[:2] == (404, "subscription_not_found")


def test_what_is_not_used_is_credited_now_or_not_at_all(api: ApiConsumer) -> None:
    """At the end of the period there is no rest: asking for it is refused, and nothing is scheduled."""
    subscription = make_active()
    path, body = f"subscriptions/{subscription.id}/cancel", {"when": "period_end", "credit_unused": True}
    assert refusal(api.post(path, body)) == (422, "invalid", ["credit_unused"])
    assert api.get(f"subscriptions/{subscription.id}").json()["cancels_at_period_end"] is False
    assert api.post(path, {"credit_unused": True}).json()["status"] == "canceled"
    assert subscription.customer.credit_balances() == [("EUR", 1000)]


def test_the_list_is_filtered(api: ApiConsumer) -> None:
    """By status, customer and plan."""
    plan = make_plan()
    active, pending = make_active(plan), make_subscription(make_plan(name="Other"), terms=None)
    found = {
        "": [pending.id, active.id],
        "?status=active": [active.id],
        f"?customer={pending.customer_id}": [pending.id],
        f"?plan={plan.id}": [active.id],
    }
    for query, ids in found.items():
        assert [each["id"] for each in api.get(f"subscriptions{query}").json()["data"]] == ids


def test_a_payment_method_brings_its_own_provider(api: ApiConsumer, settings: Any) -> None:
    """A token is one of the default provider's; a method is of whoever issued it."""
    settings.DEFAULT_PROVIDER = "manual"
    customer = make_customer()
    body = {"plan": make_plan().id, "customer": customer.id, "payment_method": make_method(customer).id}
    created = api.post("subscriptions", body)
    assert created.status_code == 201
    assert Payment.objects.get().provider == "simulated"
