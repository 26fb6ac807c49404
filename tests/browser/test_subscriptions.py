"""What finance staff does about plans and subscriptions in a day, in Chromium."""

import pytest
from playwright.sync_api import expect

from billing import services
from billing.models import Subscription
from billing.tests.factories import make_active, make_customer, make_plan, make_subscription, make_trial, settle
from invoices.tests.factories import MERCHANT_KEY
from payments.tests.factories import HARD
from tests.admin.world import subscribed
from tests.browser.conftest import Browser
from tests.browser.test_back_office import LAID_OUT, TOO_WIDE, confirm

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
FEATURES = {"api_calls": {"limit": 1000, "overage": {"unit_amount": 5, "per": 100}}, "sso": True}


@pytest.fixture
def subscription(transactional_db: None) -> Subscription:
    """One of Ada's that is paid, with use, beside a trial, one that owes, and plans to change to."""
    basic = make_plan(1000, features=FEATURES, trial_days=14)
    services.update_plan(actor=MERCHANT_KEY, plan_id=basic.pk, changes={"amount": 1200})
    make_plan(2900, name="Professional for small teams", features=FEATURES)
    make_trial(basic)
    settle(make_subscription(basic), HARD)
    subscribed(basic)
    return make_active(basic, customer=make_customer())


def test_staff_changes_a_plan_and_ends_a_subscription(subscription: Subscription, staff: Browser) -> None:
    """From the list over its page to another plan, and to its end; the reasons stand in the timeline."""
    staff.go("/admin/billing/subscription/")
    staff.shoot("subscriptions")
    staff.page.click(f"#result_list a:text-is('{subscription.pk}')")
    expect(staff.page.locator("#main")).to_contain_text("It renews: period 2 begins, of Basic for 12.00 EUR a month.")
    staff.shoot("subscription")
    staff.page.click("a:text-is('Change plan')")
    staff.page.select_option("select[name=plan]", label="Professional for small teams: 29.00 EUR a month")
    staff.page.select_option("select[name=when]", value="period_end")
    staff.shoot("change-plan")
    confirm(staff, "they grow")
    expect(staff.page.locator("#main")).to_contain_text("It changes to Professional for small teams when")
    expect(staff.page.locator("#timeline")).to_contain_text("they grow")
    staff.page.click("a:text-is('Cancel and credit the rest')")
    confirm(staff, "they went out of business")
    expect(staff.page.locator("#timeline")).to_contain_text("they went out of business")
    expect(staff.page.locator(".q-actions a")).to_have_count(0)
    staff.shoot("subscription-canceled")


def test_staff_gives_a_plan_a_new_price(subscription: Subscription, staff: Browser) -> None:
    """The form says that it makes a version, and its page shows who keeps the old one; nonsense is said beside it."""
    staff.go("/admin/billing/plan/")
    staff.shoot("plans")
    staff.open("billing/plan", subscription.plan_version.plan_id)
    staff.page.click("a:text-is('Change')")
    expect(staff.page.locator(".q-confirm")).to_contain_text("makes a new version")
    staff.page.fill("input[name=amount]", "15.00")
    staff.page.fill("textarea[name=features]", '{"api_calls": {"limit": "lots"}}')
    staff.page.fill("input[name=reason]", "prices rise")
    staff.page.click(".q-confirm button[type=submit]")
    expect(staff.page.locator(".q-confirm")).to_contain_text("api_calls: Send as limit")
    staff.shoot("plan-refused")
    staff.page.fill("textarea[name=features]", '{"api_calls": {"limit": 2000}}')
    confirm(staff, "prices rise")
    expect(staff.page.locator("#main")).to_contain_text("From now on there is version 3.")
    staff.shoot("plan")


@pytest.mark.long
@pytest.mark.parametrize("width", [390, 1440])
def test_a_page_fits_its_window(subscription: Subscription, staff: Browser, width: int) -> None:
    """On a desk and on a phone nothing makes the page itself scroll sideways."""
    staff.page.set_viewport_size({"width": width, "height": 844})
    plan, customer = subscription.plan_version.plan_id, subscription.customer_id
    for name, path in {
        "subscriptions": "/admin/billing/subscription/",
        "subscription": f"/admin/billing/subscription/{subscription.pk}/change/",
        "change-plan": f"/admin/billing/subscription/{subscription.pk}/change_plan/",
        "cancel": f"/admin/billing/subscription/{subscription.pk}/cancel/",
        "plans": "/admin/billing/plan/",
        "plan": f"/admin/billing/plan/{plan}/change/",
        "plan-update": f"/admin/billing/plan/{plan}/update/",
        "plan-add": "/admin/billing/plan/add/",
        "customer": f"/admin/invoices/customer/{customer}/change/",
    }.items():
        staff.go(path)
        staff.page.evaluate(LAID_OUT)
        staff.shoot(f"{name}-{width}")
        assert staff.page.evaluate(TOO_WIDE, width) == [], name
