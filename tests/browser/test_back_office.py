"""What finance staff does in a day: looks for an invoice, reads what happened, voids, pays again, replays."""

import dataclasses
import re

import pytest
from playwright.sync_api import expect

from config.admin.paginator import COUNTED_ROWS
from config.kernel import clock
from invoices.models import Customer, Invoice
from invoices.tests.factories import make_customer, make_invoice
from outbox import services as outbox
from payments.models import Payment
from payments.tests.factories import make_payment
from tests.admin.world import decline, delivery, dispute, pay, refund
from tests.browser.conftest import Browser
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event, event_about

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]

SCRIPT = "<script>alert('from-a-provider')</script><img/src=x/onerror=alert(1)>"


@dataclasses.dataclass(frozen=True)
class Day:
    """Ids of what there is to do."""

    open: str
    failed: str
    paid: str
    parked: str
    awaited: str
    transfer: str
    money: str
    review: str
    endpoint: str
    ping: str


@pytest.fixture
def day(transactional_db: None) -> Day:
    """An invoice nobody wants, one declined for good, one that is paid, an event that waits, and a bank transfer."""
    open_ = make_invoice(amount=480050, number="2026-0041", customer_id=make_customer(name="Ada & Sons").id)
    failed = make_invoice(amount=9900, currency="JPY", number="2026-0042", customer_id=make_customer().id)
    decline(failed)
    decline(Invoice.objects.get(pk=failed.pk), code="stolen_card")
    paid = make_invoice(number="2026-0043")
    decline(paid)
    pay(Invoice.objects.get(pk=paid.pk))
    assert answer_to(event(SCRIPT, charge="ch_9", reference=Payment.objects.latest("id").pk, note=SCRIPT)) == "ignored"
    assert answer_to(event("charge.succeeded", charge="ch_7", amount=1, currency="EUR")) == "parked"
    in_review = make_payment(invoice=make_invoice(number="2026-0044"))
    answer_to(event_about(in_review, amount=1))
    Customer.objects.bulk_create(Customer(name=f"Customer {n}", created_at=clock.now()) for n in range(COUNTED_ROWS))
    transfer = make_payment(invoice=make_invoice(number="2026-0045"), provider="manual", token="")
    refund(money := pay(make_invoice(amount=480050, number="2026-0046")), 1)
    dispute(money, 1, evidence_due_at="2026-12-24T12:00:00Z")
    dispute(money, 1, "dispute.won")
    outbox.drain()
    parked = ProviderEvent.objects.get(status="parked").pk
    ping = delivery(f"http://127.0.0.1:9/{'hook' * 50}")
    return Day(
        open_.pk,
        failed.pk,
        paid.pk,
        parked,
        transfer.invoice_id,
        transfer.pk,
        money.pk,
        in_review.pk,
        ping.endpoint_id,
        ping.pk,
    )


def confirm(staff: Browser, reason: str) -> None:
    """Say why, and do it."""
    staff.page.fill("input[name=reason]", reason)
    staff.page.click(".q-confirm button[type=submit]")
    staff.page.wait_for_selector("#timeline, .q-actions")


def test_staff_finds_an_invoice_reads_its_timeline_and_voids_it(day: Day, staff: Browser) -> None:
    """By its number, from the first page; the reason is in the timeline with who gave it."""
    staff.shoot("dashboard")
    staff.page.fill(".q-find input", "2026-0041")
    staff.page.press(".q-find input", "Enter")
    staff.page.wait_for_selector("#timeline")
    expect(staff.page.locator("#timeline")).to_contain_text("invoice.created")
    staff.page.click("text=Void")
    staff.shoot("void-confirm")
    confirm(staff, "the customer went out of business")
    expect(staff.page.locator("#content, #main")).to_contain_text(["Nobody owes it any more."])
    timeline = staff.page.locator("#timeline")
    expect(timeline).to_contain_text("the customer went out of business")
    expect(timeline).to_contain_text("staff@example.com")
    expect(timeline).to_contain_text("4,800.50 EUR")
    expect(staff.page.locator(".q-actions button:disabled")).to_have_count(2)
    staff.shoot("invoice-void")


def test_staff_has_a_failed_invoice_paid_again(day: Day, staff: Browser) -> None:
    """A form in which the method of the latest payment stands, a reason, and a new attempt is on its way."""
    staff.go("/admin/invoices/invoice/?status__exact=failed")
    staff.shoot("invoices-failed")
    staff.page.click("#result_list tbody th a")
    staff.page.click("text=Pay again")
    expect(staff.page.locator("input[name=payment_method]")).to_have_value("tok_visa")
    staff.shoot("pay-again")
    confirm(staff, "a new card on the phone")
    expect(staff.page.locator("#main")).to_contain_text("is on its way: attempt 3.")
    expect(staff.page.locator("#timeline")).to_contain_text("a new card on the phone")
    expect(staff.page.locator(".q-actions")).to_contain_text("is under way: it has to end first.")
    staff.shoot("invoice-paying-again")


def test_staff_confirms_a_bank_transfer(day: Day, staff: Browser) -> None:
    """From the invoice, over the payment that it waits for, to a paid invoice."""
    staff.open("invoices/invoice", day.awaited)
    staff.shoot("invoice-awaiting-a-transfer")
    staff.page.locator(".q-actions a").first.click()
    staff.page.click("a:text-is('Confirm')")
    staff.page.fill("input[name=reference]", "RF18539007547034")
    staff.shoot("confirm-transfer")
    confirm(staff, "statement 2026/47")
    expect(staff.page.locator("#main")).to_contain_text("The money is booked.")
    expect(staff.page.locator("#timeline")).to_contain_text("statement 2026/47")
    expect(staff.page.locator(".q-actions a")).to_have_text(["Refund"])
    staff.shoot("payment-confirmed")
    staff.open("invoices/invoice", day.awaited)
    expect(staff.page.locator("#timeline")).to_contain_text("invoice.paid")


def test_staff_refunds_a_part_from_the_invoice_page(day: Day, staff: Browser) -> None:
    """From the invoice over its payment to a refund on its way; what is left stands in the form."""
    staff.page.fill(".q-find input", "2026-0046")
    staff.page.press(".q-find input", "Enter")
    staff.page.wait_for_selector("#timeline")
    expect(staff.page.locator("#timeline")).to_contain_text("dispute won")
    staff.shoot("invoice-refunded-and-disputed")
    staff.page.locator("#timeline a", has_text="Attempt 1 over").click()
    staff.shoot("payment-to-refund")
    staff.page.click("a:text-is('Refund')")
    expect(staff.page.locator("input[name=amount]")).to_have_value("4800.49")
    staff.page.fill("input[name=amount]", "800.49")
    staff.shoot("refund-form")
    confirm(staff, "one of the machines was broken")
    expect(staff.page.locator("#main")).to_contain_text("over 800.49 EUR is on its way.")
    expect(staff.page.locator("#timeline")).to_contain_text("one of the machines was broken")
    staff.shoot("payment-refunding")
    staff.page.locator("#timeline a", has_text="800.49 EUR").first.click()
    expect(staff.page.locator(".q-actions")).to_contain_text("is settled by simulated")
    staff.shoot("refund")


def test_staff_replays_an_event_and_sees_what_came_of_it(day: Day, staff: Browser) -> None:
    """From the tile on the first page to the row of the replay."""
    staff.page.click("text=Parked provider events")
    staff.page.click("#result_list tbody th a")
    staff.page.click("a:text-is('Replay')")
    confirm(staff, "the invoice is there now")
    expect(staff.page.locator("#main")).to_contain_text("Replayed: unknown reference; the event is parked.")
    expect(staff.page.locator("#replays-group")).to_contain_text("the invoice is there now")
    staff.shoot("provider-event")


def test_what_a_provider_writes_is_inert(day: Day, staff: Browser) -> None:
    """Markup in an event's type and payload is text in the list, on its page and in the timeline."""
    staff.open("invoices/invoice", day.paid)
    staff.page.locator("#timeline summary").first.click()
    expect(staff.page.locator("#timeline")).to_contain_text(SCRIPT)
    for summary in staff.page.locator("#timeline summary").all()[1:]:
        summary.click()
    staff.shoot("invoice-paid-payloads")
    assert staff.page.locator("img[src=x]").count() == 0
    staff.go("/admin/inbound/providerevent/")
    expect(staff.page.locator("#result_list")).to_contain_text(SCRIPT)
    staff.shoot("provider-events")
    staff.page.get_by_role("row", name=re.compile("alert")).locator("th a").click()
    expect(staff.page.locator("pre.q-code")).to_contain_text(SCRIPT)
    assert staff.page.locator("img[src=x]").count() == 0


TOO_WIDE = """width => document.documentElement.scrollWidth <= width ? [] : [...document.querySelectorAll('#main *')]
    .filter(each => each.getBoundingClientRect().right > width).map(each => each.className || each.tagName)"""
"""Names what sticks out, when the page does."""

LAID_OUT = "() => document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => setTimeout(done))))"
"""Ends when the page's type has come and everything stands where it stays."""

PAGES = {
    "dashboard": "/admin/",
    "invoices": "/admin/invoices/invoice/",
    "payments": "/admin/payments/payment/",
    "invoice": "/admin/invoices/invoice/{paid}/change/",
    "trial-balance": "/admin/invoices/entry/trial-balance/",
    "outbox-events": "/admin/outbox/outboxevent/",
    "journals": "/admin/invoices/journal/",
    "customers": "/admin/invoices/customer/",
    "confirm": "/admin/invoices/invoice/{open}/void/",
    "invoice-awaited": "/admin/invoices/invoice/{awaited}/change/",
    "payment-manual": "/admin/payments/payment/{transfer}/change/",
    "payment-confirm": "/admin/payments/payment/{transfer}/confirm/",
    "payment-fail": "/admin/payments/payment/{transfer}/fail/",
    "account": "/admin/invoices/entry/?account=receivable+EUR",
    "timeline-older": "/admin/invoices/invoice/{paid}/change/?until=2030-01-01T00:00:00%2B00:00",
    "event": "/admin/inbound/providerevent/{parked}/change/",
    "payment-money": "/admin/payments/payment/{money}/change/",
    "payment-refund": "/admin/payments/payment/{money}/refund/",
    "payment-review": "/admin/payments/payment/{review}/change/",
    "payment-resolve": "/admin/payments/payment/{review}/resolve/",
    "refunds": "/admin/payments/refund/",
    "receipts": "/admin/payments/receipt/",
    "disputes": "/admin/payments/dispute/",
    "endpoint": "/admin/outbound/endpoint/{endpoint}/change/",
    "delivery": "/admin/outbound/delivery/{ping}/change/",
}


@pytest.mark.long
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_fits_its_window(day: Day, staff: Browser, width: int, theme: str) -> None:
    """On a desk and on a phone nothing makes the page itself scroll sideways, in both themes."""
    staff.page.set_viewport_size({"width": width, "height": 844})
    staff.page.evaluate(f"localStorage.setItem('adminTheme', '\"{theme}\"')")
    for name, path in PAGES.items():
        staff.go(path.format(**dataclasses.asdict(day)))
        staff.page.evaluate(LAID_OUT)
        staff.shoot(f"{name}-{width}-{theme}")
        assert staff.page.evaluate(TOO_WIDE, width) == [], name
    staff.go(f"/admin/invoices/invoice/{day.paid}/change/#timeline")
    staff.shoot(f"timeline-{width}-{theme}", whole=False)
    assert ("dark" in (staff.page.locator("html").get_attribute("class") or "")) == (theme == "dark")
