"""Payment methods over HTTP, as back ends and as customers who have signed in."""

from typing import Any

import pytest
from django.test import Client

from config.api.tests.test_problems import assert_problem
from invoices.models import Customer
from invoices.tests.factories import make_customer
from outbox.models import OutboxEvent
from payments.models import PaymentMethod
from payments.tests.factories import make_method
from payments.tests.methods.asking import SignedInCustomer, log_of
from payments.tests.simulator import simulated_with
from tests.api import ApiConsumer

pytestmark = pytest.mark.django_db
UNKNOWN = "pm_01h455vb4pex5vsknk084sn02q"


@pytest.fixture
def api() -> ApiConsumer:
    return ApiConsumer()


@pytest.fixture
def customer() -> Customer:
    return make_customer()


def attach(api: ApiConsumer, customer: Customer, token: str = "tok_visa", **more: Any) -> Any:
    return api.post("payment-methods", {"customer": customer.id, "payment_method": token, **more})


def test_attaching_shows_the_card_and_never_the_token(api: ApiConsumer, customer: Customer) -> None:
    """The provider says what it is; the first one is the default."""
    response = attach(api, customer, "tok_mastercard")
    assert response.status_code == 201
    shown = response.json()
    assert shown == {
        "id": shown["id"],
        "customer": customer.id,
        "provider": "simulated",
        "brand": "mastercard",
        "last4": "4444",
        "exp_month": 12,
        "exp_year": 2034,
        "is_default": True,
        "created_at": shown["created_at"],
        "detached_at": None,
    }
    assert PaymentMethod.objects.get(id=shown["id"]).token == "tok_mastercard"
    assert api.get(f"payment-methods/{shown['id']}").json() == shown
    assert log_of(customer) == ["customer.created", "payment_method.attached", "payment_method.default_changed"]
    assert "tok_mastercard" not in str(list(OutboxEvent.objects.values_list("data", flat=True)))


def test_the_same_token_again_is_the_method_that_is_there(api: ApiConsumer, customer: Customer) -> None:
    """200, no second row and no event; another customer may have the same token."""
    first = attach(api, customer).json()
    again = attach(api, customer)
    assert (again.status_code, again.json()) == (200, first)
    assert log_of(customer).count("payment_method.attached") == 1
    assert attach(api, make_customer()).status_code == 201


def test_the_same_key_is_the_same_method(api: ApiConsumer, customer: Customer) -> None:
    """Even once it is detached; other input is a 409."""
    body = {"customer": customer.id, "payment_method": "tok_visa"}
    first = api.post("payment-methods", body, key="k1").json()
    api.request("DELETE", f"payment-methods/{first['id']}")
    again = api.post("payment-methods", body, key="k1")
    assert (again.status_code, again.json()["id"], again["Idempotent-Replayed"]) == (200, first["id"], "true")
    other = api.post("payment-methods", body | {"payment_method": "tok_amex"}, key="k1")
    assert_problem(other, 409, "idempotency_key_reused")
    assert PaymentMethod.objects.count() == 1


def test_a_later_one_is_the_default_only_when_it_is_said(api: ApiConsumer, customer: Customer) -> None:
    """By make_default, also of one that is attached already, or afterwards."""
    visa = attach(api, customer).json()["id"]
    amex = attach(api, customer, "tok_amex").json()
    assert not amex["is_default"]
    assert attach(api, customer, "tok_amex", make_default=True).json()["is_default"]
    assert not api.get(f"payment-methods/{visa}").json()["is_default"]
    for _ in range(2):
        made = api.post(f"payment-methods/{visa}/default")
        assert (made.status_code, made.json()["is_default"]) == (200, True)
    changes = OutboxEvent.objects.filter(type="payment_method.default_changed").order_by("sequence")
    assert [(change.data["previous"], change.data["payment_method"]) for change in changes] == [
        (None, visa),
        (visa, amex["id"]),
        (amex["id"], visa),
    ]


def test_a_detached_one_stays_and_is_paid_with_no_more(api: ApiConsumer, customer: Customer) -> None:
    """204, and a 409 the second time; no other is the default in its place; the token may come again."""
    visa = attach(api, customer).json()["id"]
    attach(api, customer, "tok_amex")
    gone = api.request("DELETE", f"payment-methods/{visa}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert_problem(api.request("DELETE", f"payment-methods/{visa}"), 409, "payment_method_detached")
    assert_problem(api.post(f"payment-methods/{visa}/default"), 409, "payment_method_detached")
    shown = api.get(f"payment-methods/{visa}").json()
    assert shown["detached_at"]
    assert not shown["is_default"]
    assert not PaymentMethod.objects.exclude(default_for=None).exists()
    assert log_of(customer)[-2:] == ["payment_method.default_changed", "payment_method.detached"]
    again = attach(api, customer)
    assert again.status_code == 201
    assert again.json()["id"] != visa
    assert again.json()["is_default"]


def test_the_list_holds_what_can_be_paid_with(api: ApiConsumer, customer: Customer) -> None:
    """Of one customer or all; detached ones when they are asked for."""
    visa, amex = (attach(api, customer, token).json()["id"] for token in ("tok_visa", "tok_amex"))
    other = attach(api, make_customer()).json()["id"]
    api.request("DELETE", f"payment-methods/{visa}")
    for query, expected in {
        "": [other, amex],
        f"customer={customer.id}": [amex],
        f"customer={customer.id}&detached=true": [visa],
        f"customer={customer.id}&detached=false": [amex],
        "detached=true": [visa],
        "customer=nonsense": [],
    }.items():
        assert [row["id"] for row in api.get(f"payment-methods?{query}").json()["data"]] == expected, query


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"payment_method": None}, "payment_method", "null"),
        ({"payment_method": ""}, "payment_method", "blank"),
        ({"payment_method": 7}, "payment_method", "not_text"),
        ({"payment_method": "t" * 201}, "payment_method", "max_length"),
        ({"provider": "nobody"}, "provider", "invalid_choice"),
        ({"provider": None}, "provider", "null"),
        ({"customer": None}, "customer", "null"),
        ({"customer": 7}, "customer", "not_text"),
        ({"make_default": "yes"}, "make_default", "not_a_boolean"),
        ({"token": "tok_visa"}, "token", "unknown_field"),
    ],
)
def test_a_bad_field_is_named(
    api: ApiConsumer, customer: Customer, changes: dict[str, Any], field: str, code: str
) -> None:
    """422, and nothing is stored."""
    body = {"customer": customer.id, "payment_method": "tok_visa"} | changes
    document = assert_problem(api.post("payment-methods", body), 422, "invalid")
    assert [(error["field"], error["code"]) for error in document["errors"]] == [(field, code)]
    assert not PaymentMethod.objects.exists()


@pytest.mark.parametrize("number", ["4242424242424242", "4242 4242 4242 4242", "tok_4242424242424242"])
def test_a_card_number_is_no_token(
    api: ApiConsumer, customer: Customer, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    """422; it is neither stored nor logged nor sent to anybody."""
    refused = attach(api, customer, number)
    document = assert_problem(refused, 422, "card_number")
    assert [error["field"] for error in document["errors"]] == ["payment_method"]
    assert number not in refused.content.decode() + caplog.text
    assert not PaymentMethod.objects.exists()


def test_what_is_missing_is_named(api: ApiConsumer, customer: Customer) -> None:
    """A back end says whose it is, and always what."""
    for body, field in (({"customer": customer.id}, "payment_method"), ({"payment_method": "tok_visa"}, "customer")):
        document = assert_problem(api.post("payment-methods", body), 422, "invalid")
        assert [(error["field"], error["code"]) for error in document["errors"]] == [(field, "required")]


@pytest.mark.parametrize(
    ("token", "provider"), [("tok_nobody", "simulated"), ("a/b c?d", "simulated"), ("x", "manual")]
)
def test_a_token_that_the_provider_does_not_know_is_refused(
    api: ApiConsumer, customer: Customer, token: str, provider: str
) -> None:
    """422; a provider where people settle has no tokens at all."""
    assert_problem(attach(api, customer, token, provider=provider), 422, "payment_method_unknown")
    assert not PaymentMethod.objects.exists()


def test_a_provider_that_does_not_answer_is_a_503_with_nothing_stored(api: ApiConsumer, customer: Customer) -> None:
    """Whoever sends the same again later gets a method."""
    body = {"customer": customer.id, "payment_method": "tok_visa"}
    with simulated_with(base_url="http://127.0.0.1:9", transport=None, timeout_seconds=0.5):
        refused = api.post("payment-methods", body, key="k1")
    assert_problem(refused, 503, "provider_unavailable")
    assert refused["Retry-After"]
    assert not PaymentMethod.objects.exists()
    assert log_of(customer) == ["customer.created"]
    assert api.post("payment-methods", body, key="k1").status_code == 201


def test_an_unknown_customer_or_method_is_not_found(api: ApiConsumer) -> None:
    """Before the provider is asked."""
    for customer_id in ("cus_01h455vb4pex5vsknk084sn02q", "nonsense"):
        body = {"customer": customer_id, "payment_method": "tok_visa"}
        assert_problem(api.post("payment-methods", body), 404, "customer_not_found")
    for method_id in (UNKNOWN, "nonsense"):
        assert_problem(api.get(f"payment-methods/{method_id}"), 404, "payment_method_not_found")
        assert_problem(api.request("DELETE", f"payment-methods/{method_id}"), 404, "payment_method_not_found")
        assert_problem(api.post(f"payment-methods/{method_id}/default"), 404, "payment_method_not_found")


def test_it_needs_its_scopes(customer: Customer) -> None:
    """Reading opens no writing, and nobody gets in without a key."""
    method = make_method(customer)
    reader, stranger = ApiConsumer({"payment_methods:read"}), ApiConsumer({"payments:write"})
    assert reader.get(f"payment-methods/{method.id}").status_code == 200
    for refused in (
        stranger.get("payment-methods"),
        attach(reader, customer),
        reader.request("DELETE", f"payment-methods/{method.id}"),
        reader.post(f"payment-methods/{method.id}/default"),
    ):
        assert_problem(refused, 403, "missing_scope")
    assert_problem(Client().get("/api/v1/payment-methods"), 401, "not_authenticated")


def test_a_customer_keeps_their_own(customer: Customer) -> None:
    """Whose it is need not be said, and may be."""
    me = SignedInCustomer(customer)
    visa = me.post("payment-methods", {"payment_method": "tok_visa"})
    assert (visa.status_code, visa.json()["customer"]) == (201, customer.id)
    amex = attach(me, customer, "tok_amex", make_default=True).json()
    assert [row["id"] for row in me.get("payment-methods").json()["data"]] == [amex["id"], visa.json()["id"]]
    assert me.post(f"payment-methods/{visa.json()['id']}/default").json()["is_default"]
    assert me.request("DELETE", f"payment-methods/{amex['id']}").status_code == 204
    assert set(OutboxEvent.objects.filter(type__startswith="payment_method").values_list("actor", flat=True)) == {
        f"customer:{customer.id}"
    }


def test_what_is_another_customers_does_not_exist(customer: Customer) -> None:
    """404 for each operation, the same as for nobody's; the list is empty whatever is asked for."""
    theirs = make_method()
    me = SignedInCustomer(customer)
    assert_problem(attach(me, theirs.customer), 404, "customer_not_found")
    assert_problem(me.get(f"payment-methods/{theirs.id}"), 404, "payment_method_not_found")
    assert_problem(me.request("DELETE", f"payment-methods/{theirs.id}"), 404, "payment_method_not_found")
    assert_problem(me.post(f"payment-methods/{theirs.id}/default"), 404, "payment_method_not_found")
    for query in ("", f"customer={theirs.customer_id}", "detached=true"):
        assert me.get(f"payment-methods?{query}").json()["data"] == []
    assert PaymentMethod.objects.get().is_default


def test_keys_of_a_customer_and_of_the_merchant_are_two(customer: Customer, api: ApiConsumer) -> None:
    """The owner of a key is whoever sent it."""
    me = SignedInCustomer(customer)
    mine = me.post("payment-methods", {"payment_method": "tok_visa"}, key="k1")
    other = api.post("payment-methods", {"customer": make_customer().id, "payment_method": "tok_visa"}, key="k1")
    assert (mine.status_code, other.status_code) == (201, 201)
