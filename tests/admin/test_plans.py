"""Plans in the back office: made, changed, retired; what makes no sense is said beside the field."""

from typing import Any

import pytest
from django.urls import reverse

from billing import services
from billing.models import Plan, PlanVersion, User
from billing.tests.factories import make_plan, make_subscription
from invoices.tests.factories import MERCHANT_KEY
from outbox.models import OutboxEvent
from tests.admin.test_subscriptions import do, form_of, page_of, said, url
from tests.admin.world import chief

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("movable_clock")]
CARD = "4242 4242 4242 4242"


def test_staff_makes_a_plan() -> None:
    """With what it holds, once however often the form is sent; the event says who and why."""
    client, address = chief(), reverse("admin:billing_plan_add")
    features = '{"sso": true, "api_calls": {"limit": 1000, "overage": {"unit_amount": 5, "per": 100}}}'
    form = form_of(client, address, name="Pro", amount="29.90", currency="EUR", trial_days="14", features=features)
    answers = [client.post(address, form, follow=True) for _ in range(2)]
    assert [said(answer) for answer in answers] == [
        "Pro can be subscribed to.", "This form was sent before: Pro.",
    ]  # fmt: skip
    version = PlanVersion.objects.get()
    assert (version.amount, version.currency, version.cycle, version.trial_days) == (2990, "EUR", "month", 14)
    assert version.features["api_calls"]["overage"] == {"unit_amount": 5, "per": 100}
    event = OutboxEvent.objects.get(type="plan.created")
    assert (event.actor, event.reason) == (f"staff:{User.objects.get().pk}", "the customer rang")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("features", '{"api_calls": {"limit": -1}, "B": 1}', "api_calls: Send as limit an integer"),
        ("features", "{sso: true}", "This is no JSON"),
        ("features", "[" * 9_000, "This is no JSON"),
        ("features", "[1]", "This is no JSON object"),
        ("features", '{"a": NaN}', "NaN is not JSON"),
        ("features", '{"\\ud800": true}', "?: Send text whose surrogates come in pairs."),
        ("features", '{"a": {"limit": "\\ud800"}}', "a.limit: Send text whose surrogates come in pairs."),
        ("features", '{"a":' * 40 + "1" + "}" * 40, "nests deeper"),
        ("features", f'{{"a": "{CARD}"}}', "card number"),
        ("retry_policy", '{"max_attempts": 0}', "max_attempts: "),
        ("retry_policy", '{"tries": 3}', "tries"),
        ("retry_policy", '{"\\udfff": 3}', "?: Send text whose surrogates come in pairs."),
        ("amount", "1.234", "decimal places"),
        ("amount", "-1", "greater than or equal to 0"),
        ("amount", "999999999999", "minor units"),
        ("currency", "XXY", "ISO 4217"),
        ("trial_days", "731", "Send 0 to 730 days."),
        ("grace_days", "366", "Send 0 to 365 days."),
        ("grace_days", "soon", "whole number"),
        ("cycle", "fortnight", "Select a valid choice"),
        ("name", f"paid with {CARD}", "card number"),
        ("name", "", "required"),
    ],
)
def test_what_makes_no_sense_is_said_beside_the_field(field: str, value: str, words: str) -> None:
    """The form comes back as it was typed, and there is no plan."""
    client, address = chief(), reverse("admin:billing_plan_add")
    form = form_of(client, address, name="Pro", amount="10.00", currency="EUR")
    page: Any = client.post(address, form | {field: value})
    assert page.status_code == 200
    assert words in " ".join(page.context["form"].errors[field])
    assert CARD not in page.content.decode()
    assert not Plan.objects.exists()


def test_a_new_price_is_a_new_version() -> None:
    """What runs keeps its own, and is counted; a new name alone makes none; nothing changed is nothing done."""
    plan = make_plan(1000)
    make_subscription(plan)
    assert said(do(plan, "update", amount="12.00")) == (
        "From now on there is version 2. What runs on version 1 keeps it: 1."
    )
    assert said(do(plan, "update", name="Starter")) == "It is changed, and its price is as it was."
    assert said(do(plan, "update")) == "Nothing was to be changed."
    versions = PlanVersion.objects.filter(plan=plan).order_by("number").values_list("number", "amount")
    assert list(versions) == [(1, 1000), (2, 1200)]
    assert Plan.objects.get().name == "Starter"
    live = f"plan_version__id__exact={versions.values_list('id', flat=True)[0]}"
    assert live in page_of(plan)


def test_nobody_undoes_somebody_elses_change() -> None:
    """A form that was opened before it is refused."""
    plan, client = make_plan(1000), chief()
    form = form_of(client, url(plan, "update"), name="Starter")
    services.update_plan(actor=MERCHANT_KEY, plan_id=plan.pk, changes={"amount": 2000})
    page: Any = client.post(url(plan, "update"), form)
    assert "has version 2" in " ".join(page.context["form"].non_field_errors())
    assert Plan.objects.get().name == "Basic"


def test_a_retired_plan_is_brought_back() -> None:
    """One of the two is possible at a time."""
    plan = make_plan()
    assert said(do(plan, "retire")) == "Nobody can subscribe to it any more; what runs goes on."
    assert not Plan.objects.get().is_active
    assert 'href="../retire/"' not in page_of(plan)
    assert said(do(plan, "bring_back")) == "It can be subscribed to again."
    assert Plan.objects.get().is_active
