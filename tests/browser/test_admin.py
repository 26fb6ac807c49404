"""The admin and /docs as a person sees them: in Chromium, over HTTP, with the network of this server alone."""

import dataclasses
import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group

from billing.tests.factories import make_active
from billing.tests.usage import metered, use
from invoices.tests.factories import make_credit, make_customer, make_invoice
from outbox import services as outbox
from payments.models import Payment, Receipt
from payments.tests.factories import make_method, make_payment
from tests.admin.world import archive, delivery, dispute, refund, settle
from tests.api import ApiConsumer, SignedIn
from tests.browser.conftest import Browser
from webhooks.inbound.tests.sending import answer_to, event_about
from webhooks.outbound.models import Endpoint

JSON = "application/vnd.oai.openapi+json"
MONEY_AND_STATE = re.compile(r"amount|currency|status|paid|refunded|attempt|sequence|position")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]


@dataclasses.dataclass(frozen=True)
class World:
    """Ids of an invoice that one payment paid."""

    invoice: str
    payment: str
    receipt: str


@pytest.fixture
def world(transactional_db: None) -> World:
    """A row of nearly everything that staff look at."""
    invoice = make_invoice(customer_id=make_customer().id)
    payment = make_payment(invoice=invoice)
    assert answer_to(event_about(payment)) == "processed"
    paid = Payment.objects.get(pk=payment.pk)
    refund(paid, 1)
    dispute(paid, 1)
    settle(1)
    make_invoice()
    delivery()
    archive(invoice=make_invoice(), ping=delivery("http://127.0.0.1:9/other"))
    outbox.drain()
    ApiConsumer()
    Group.objects.create(name="Accounting")
    world = World(invoice.id, payment.id, Receipt.objects.get().id)
    SignedIn()
    use(make_active(metered(3)), 3)
    make_method(make_credit(500).customer)
    return world


def test_every_list_and_one_page_of_each_opens_and_no_money_and_no_state_can_be_typed(
    world: World, staff: Browser
) -> None:
    """Of every registered model; only states of trouble have no row here. Only people, groups and where events are sent
    can be made or saved.
    """
    empty = set()
    for model in admin.site._registry:
        folder = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        is_read_only = model._meta.app_label not in ("auth", "billing")
        staff.go(folder)
        if is_read_only:
            assert staff.page.locator(f"a[href='{folder}add/']").count() == (model is Endpoint)
        link = staff.page.locator("#result_list tbody th a").first
        if not link.count():
            empty.add(model.__name__)
            continue
        staff.go(link.get_attribute("href") or "")
        assert staff.page.locator("#content-main fieldset").count() >= 1, folder
        if is_read_only:
            _assert_nothing_can_be_typed(staff)
    assert empty == {"HeldEvent", "Replay"}


def _assert_nothing_can_be_typed(staff: Browser) -> None:
    """No field for money or a state, no button to save or delete."""
    assert staff.page.locator("input[name=_save], input[name=_continue], a.deletelink").count() == 0
    fields = staff.page.locator("#content input:not([type=hidden]), #content select, #content textarea")
    named = fields.evaluate_all("fields => fields.map(each => each.name)")
    assert [name for name in named if MONEY_AND_STATE.search(name)] == []


def test_an_invoice_is_found_by_the_id_of_anything_around_it(world: World, staff: Browser) -> None:
    """Its own, its payment's and its receipt's, out of two invoices."""
    for id_ in (world.invoice, world.payment, world.receipt):
        staff.go("/admin/invoices/invoice/")
        staff.page.fill("#searchbar", id_)
        staff.page.press("#searchbar", "Enter")
        staff.page.wait_for_url("**q=**")
        assert staff.page.locator("#result_list tbody th").all_inner_texts() == [world.invoice]


def test_the_documentation_shows_every_operation_offline(browser: Browser) -> None:
    """Swagger UI renders the document, and asks nobody but this server."""
    browser.go("/docs")
    browser.page.wait_for_selector(".opblock")
    document = browser.page.request.get(f"{browser.url}/schema", headers={"Accept": JSON}).json()
    operations = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    blocks = browser.page.locator(".opblock-summary").all()
    shown = {
        (
            block.locator(".opblock-summary-method").inner_text(),
            block.locator(".opblock-summary-path").inner_text().replace("\u200b", ""),
        )
        for block in blocks
    }
    assert shown == operations
    assert len(operations) >= 10
    assert browser.page.locator(".errors-wrapper").count() == 0
