"""Usage over HTTP: what back ends and customers send and see."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from billing.models import Subscription, UsageCounter, UsageRecord
from billing.tests.factories import make_active, make_customer, make_plan
from billing.tests.usage import SOFT_LIMIT, metered, signed_in, use
from tests.api import ApiConsumer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("invariants_hold")]


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


def body_of(subscription: Subscription, **more: Any) -> dict[str, Any]:
    return {"feature_name": "api_calls", "delta": 1, "customer": subscription.customer_id} | more


def test_a_use_answers_how_the_feature_stands(api: ApiConsumer) -> None:
    """201, and what is left."""
    subscription = make_active(metered(10))
    answer = api.post("usage/use", body_of(subscription, delta=4))
    assert answer.status_code == 201
    said = answer.json()
    assert said["id"].startswith("use_")
    assert {
        name: said[name] for name in ("feature_name", "delta", "current_usage", "limit", "remaining", "period")
    } == {
        "feature_name": "api_calls",
        "delta": 4,
        "current_usage": 4,
        "limit": 10,
        "remaining": 6,
        "period": 1,
    }
    assert said["subscription"] == subscription.id
    assert said["reset_at"] == subscription.period_ends_at.isoformat().replace("+00:00", "Z")


def test_a_repetition_answers_the_numbers_of_then(api: ApiConsumer) -> None:
    """200 with Idempotent-Replayed, though more was used since; other input is a 409."""
    subscription = make_active(metered(10))
    first = api.post("usage/use", body_of(subscription, delta=4), key="k1")
    use(subscription, 3)
    again = api.post("usage/use", body_of(subscription, delta=4), key="k1")
    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (201, 200, "true")
    assert again.json() == first.json()
    other = api.post("usage/use", body_of(subscription, delta=5), key="k1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert UsageCounter.objects.get().used == 7


def test_over_the_limit_is_a_409_that_says_what_is_left(api: ApiConsumer) -> None:
    """With the numbers as members, and nothing stored."""
    subscription = make_active(metered(10))
    use(subscription, 8)
    refused = api.post("usage/use", body_of(subscription, delta=3), key="k1")
    assert (refused.status_code, refused.json()["code"]) == (409, "usage_limit_exceeded")
    said = refused.json()
    assert (said["limit"], said["current_usage"], said["remaining"], said["delta"]) == (10, 8, 2, 3)
    assert said["reset_at"] == subscription.period_ends_at.isoformat().replace("+00:00", "Z")
    assert UsageRecord.objects.count() == 1
    assert api.post("usage/use", body_of(subscription, delta=2), key="k2").status_code == 201


@pytest.mark.parametrize(
    ("sent", "field", "code"),
    [
        ({"delta": 0}, "delta", "min_value"),
        ({"delta": -1}, "delta", "min_value"),
        ({"delta": 10**12 + 1}, "delta", "max_value"),
        ({"delta": 1.5}, "delta", None),
        ({"delta": 1.0}, "delta", "not_an_integer"),
        ({"delta": "1"}, "delta", "not_an_integer"),
        ({"delta": True}, "delta", "invalid"),
        ({"delta": None}, "delta", "null"),
        ({"delta": [1]}, "delta", None),
        ({"feature_name": "nothing"}, "feature_name", "unknown_feature"),
        ({"feature_name": "sso"}, "feature_name", "feature_not_metered"),
        ({"feature_name": ""}, "feature_name", "blank"),
        ({"feature_name": 7}, "feature_name", "not_text"),
        ({"feature_name": "x" * 51}, "feature_name", "max_length"),
        ({"amount": 5}, "amount", "unknown_field"),
        ({"customer": None}, "customer", "null"),
    ],
)
def test_bad_input_is_a_422_that_names_the_field(
    api: ApiConsumer, sent: dict[str, Any], field: str, code: str | None
) -> None:
    """And stores nothing."""
    subscription = make_active(metered())
    answer = api.post("usage/use", body_of(subscription, **sent))
    assert answer.status_code == 422, answer.content
    errors = answer.json()["errors"]
    assert errors[0]["field"] == field
    assert code is None or errors[0]["code"] == code
    assert UsageCounter.objects.count() == 0


def test_a_back_end_names_the_customer(api: ApiConsumer) -> None:
    """422 without one, 404 for one that nobody knows, 409 for one without a subscription."""
    body = {"feature_name": "api_calls", "delta": 1}
    missing = api.post("usage/use", body)
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (422, "customer")
    for nobody in ("cus_01h455vb4pex5vsknk084sn02q", "nonsense"):
        unknown = api.post("usage/use", body | {"customer": nobody})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "customer_not_found")
    none = api.post("usage/use", body | {"customer": make_customer().id})
    assert (none.status_code, none.json()["code"]) == (409, "no_subscription")


def test_a_customer_uses_what_is_theirs() -> None:
    """Without saying who; anybody else's is not found, and nothing of it is used."""
    mine, other = make_active(metered(10)), make_active(metered(10))
    client = signed_in(mine.customer_id)
    assert _post(client, {"feature_name": "api_calls", "delta": 2}).json()["current_usage"] == 2
    assert _post(client, body_of(mine)).json()["current_usage"] == 3
    foreign = _post(client, body_of(other))
    assert (foreign.status_code, foreign.json()["code"]) == (404, "customer_not_found")
    named = _post(client, {"feature_name": "api_calls", "delta": 1, "subscription": other.id})
    assert (named.status_code, named.json()["code"]) == (404, "subscription_not_found")
    for path in ("me", "limits"):
        answer = client.get(f"/api/v1/usage/{path}?customer={other.customer_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
    assert list(UsageCounter.objects.values_list("subscription", "used")) == [(mine.id, 3)]


def test_a_customers_key_is_not_the_merchants(api: ApiConsumer) -> None:
    """The same key of two owners is two uses."""
    subscription = make_active(metered(10))
    assert api.post("usage/use", body_of(subscription), key="k1").status_code == 201
    client = signed_in(subscription.customer_id)
    assert _post(client, body_of(subscription), key="k1").json()["current_usage"] == 2


def _post(client: APIClient, body: dict[str, Any], *, key: str | None = None) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post("/api/v1/usage/use", body, format="json", headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [("POST", "usage/use", "usage:write"), ("GET", "usage/me", "usage:read"), ("GET", "usage/limits", "usage:read")],
)
def test_a_key_needs_the_scope(method: str, path: str, scope: str) -> None:
    """403 without it."""
    answer = ApiConsumer(scopes={"plans:read"}).request(method, path, {})
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert scope in answer.json()["detail"]


def test_what_was_used_is_listed_with_what_was_never_used(api: ApiConsumer) -> None:
    """Every metered feature of every subscription, the oldest first."""
    held = {"api_calls": {"limit": 10}, "storage": SOFT_LIMIT, "seats": {"limit": None}, "sso": True}
    subscription = make_active(make_plan(features=held))
    other = make_active(metered(3, family="other"), customer=subscription.customer)
    use(subscription, 7)
    use(subscription, 150, feature="storage")
    answer = api.get(f"usage/me?customer={subscription.customer_id}").json()
    assert answer["customer"] == subscription.customer_id
    names = ("feature_name", "subscription", "current_usage", "limit", "remaining", "percent", "is_hard")
    assert [tuple(each[name] for name in names) for each in answer["data"]] == [
        ("api_calls", subscription.id, 7, 10, 3, 70, True),
        ("storage", subscription.id, 150, 100, 0, 150, False),
        ("seats", subscription.id, 0, None, None, None, False),
        ("api_calls", other.id, 0, 3, 3, 0, True),
    ]
    assert answer["data"][1]["overage"] == {"unit_amount": 7, "per": 10}
    ends_at = subscription.period_ends_at.isoformat().replace("+00:00", "Z")
    assert {each["reset_at"] for each in answer["data"][:3]} == {ends_at}


def test_limits_are_listed_with_the_switches(api: ApiConsumer) -> None:
    """On and off, and what may be used."""
    held = {"api_calls": {"limit": 10}, "sso": True, "audit": {"enabled": False}}
    subscription = make_active(make_plan(features=held))
    data = api.get(f"usage/limits?customer={subscription.customer_id}").json()["data"]
    names = ("feature_name", "is_metered", "is_enabled", "limit", "is_hard")
    assert [tuple(each[name] for name in names) for each in data] == [
        ("api_calls", True, True, 10, True),
        ("sso", False, True, None, False),
        ("audit", False, False, None, False),
    ]
    assert "current_usage" not in data[0]


def test_whoever_subscribes_to_nothing_has_an_empty_list(api: ApiConsumer) -> None:
    """404 only for one that nobody knows; a parameter that nobody knows is a 422."""
    customer = make_customer().id
    assert signed_in(customer).get("/api/v1/usage/me").json() == {"customer": customer, "data": []}
    for path in ("me", "limits"):
        assert api.get(f"usage/{path}?customer={customer}").json()["data"] == []
        assert api.get(f"usage/{path}?customer=cus_01h455vb4pex5vsknk084sn02q").status_code == 404
        assert api.get(f"usage/{path}").status_code == 422
        assert api.get(f"usage/{path}?customer={customer}&page=2").status_code == 422


@pytest.mark.parametrize(("path", "expected"), [("me", 2), ("limits", 1)])
def test_reading_costs_the_same_for_one_subscription_and_for_three(path: str, expected: int) -> None:
    """Two statements for what was used, one for limits."""
    customer = make_customer()
    client = signed_in(customer.id)
    for family in ("a", "b", "c"):
        subscription = make_active(metered(10, family=family), customer=customer)
        use(subscription, named=True)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/api/v1/usage/{path}").status_code == 200
        assert len(captured) == expected
