"""The admin and /docs as a person sees them: in Chromium, over HTTP, with the network of this server alone."""

import dataclasses
import re
import shutil
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from playwright.sync_api import Page, Request, sync_playwright
from pytest_django.live_server_helper import LiveServer

from billing.models import User
from invoices.tests.factories import make_customer, make_invoice
from outbox import services as outbox
from payments.models import Receipt
from payments.tests.factories import make_payment
from tests.api import ApiConsumer
from webhooks.inbound.tests.sending import answer_to, event_about

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = [
    *["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    *["--no-first-run", "--disable-component-update", "--disable-sync"],
]
JSON = "application/vnd.oai.openapi+json"
EMAIL, PASSWORD = "staff@example.com", "correct horse battery"
MONEY_AND_STATE = re.compile(r"amount|currency|status|paid|refunded|attempt|sequence|position")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(
        CHROMIUM is None, reason="no browser: install Chromium (Debian, Ubuntu: apt-get install chromium)"
    ),
]


@dataclasses.dataclass(frozen=True)
class World:
    """Ids of an invoice that one payment paid."""

    invoice: str
    payment: str
    receipt: str


@pytest.fixture
def world(live_server: LiveServer) -> World:
    """A row of nearly everything that staff look at; made before the browser, whose loop Django would refuse."""
    invoice = make_invoice(customer_id=make_customer().id)
    payment = make_payment(invoice=invoice)
    assert answer_to(event_about(payment)) == "processed"
    make_invoice()
    outbox.drain()
    ApiConsumer()
    Group.objects.create(name="Accounting")
    User.objects.create_superuser(EMAIL, PASSWORD)
    return World(invoice.id, payment.id, Receipt.objects.get().id)


@dataclasses.dataclass(frozen=True)
class Browser:
    """A page, and everything that went wrong or elsewhere while it was used."""

    page: Page
    url: str
    wrong: list[str]

    def go(self, path: str) -> None:
        response = self.page.goto(f"{self.url}{path}")
        assert response is not None
        assert response.status == 200, path


@pytest.fixture
def browser(world: World, live_server: LiveServer) -> Iterator[Browser]:
    """Signed out; whatever a page logs as an error or asks another host for is collected."""
    wrong: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((live_server.url, "data:")):
            wrong.append(request.url)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = chromium.new_page()
        page.on("request", note)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", lambda response: wrong.append(response.url) if response.status >= 400 else None)
        yield Browser(page, live_server.url, wrong)
        chromium.close()
    assert wrong == []


@pytest.fixture
def staff(browser: Browser) -> Browser:
    """Signed in as a person does it."""
    browser.go("/admin/")
    browser.page.fill("input[name=username]", EMAIL)
    browser.page.fill("input[name=password]", PASSWORD)
    browser.page.click("input[type=submit]")
    browser.page.wait_for_selector("#user-tools")
    return browser


def test_every_list_and_one_page_of_each_opens(staff: Browser) -> None:
    """Of every registered model; only states of trouble have no row here."""
    empty = set()
    for model in admin.site._registry:
        folder = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        staff.go(folder)
        link = staff.page.locator("#result_list tbody th a").first
        if not link.count():
            empty.add(model.__name__)
            continue
        staff.go(link.get_attribute("href") or "")
        assert staff.page.locator("#content h1").count() == 1, folder
    assert empty == {"HeldEvent", "Replay"}


def test_an_invoice_is_found_by_the_id_of_anything_around_it(staff: Browser, world: World) -> None:
    """Its own, its payment's and its receipt's, out of two invoices."""
    for id_ in (world.invoice, world.payment, world.receipt):
        staff.go("/admin/invoices/invoice/")
        staff.page.fill("#searchbar", id_)
        staff.page.press("#searchbar", "Enter")
        staff.page.wait_for_url("**q=**")
        assert staff.page.locator("#result_list tbody th").all_inner_texts() == [world.invoice]


def test_no_money_and_no_state_can_be_typed(staff: Browser) -> None:
    """No list and no page of the books, payments or events has a field for it, nor a button to save or delete."""
    for model in admin.site._registry:
        if model._meta.app_label in ("auth", "billing"):
            continue
        staff.go(f"/admin/{model._meta.app_label}/{model._meta.model_name}/")
        assert staff.page.locator(".object-tools .addlink").count() == 0
        link = staff.page.locator("#result_list tbody th a").first
        if not link.count():
            continue
        staff.go(link.get_attribute("href") or "")
        assert staff.page.locator("input[name=_save], input[name=_continue], a.deletelink").count() == 0
        fields = staff.page.locator("#content input:not([type=hidden]), #content select, #content textarea").all()
        named = [field.get_attribute("name") or "" for field in fields]
        assert [name for name in named if MONEY_AND_STATE.search(name)] == []


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
