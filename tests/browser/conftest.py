"""A browser on a live server, signed in as staff; nothing may go wrong or elsewhere while it is used."""

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright import sync_api as playwright
from pytest_django.live_server_helper import LiveServer

from billing.models import User

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
EMAIL, PASSWORD = "staff@example.com", "correct horse battery"
SHOTS = os.environ.get("SCREENSHOTS", "")
"""A folder for pictures of the pages that tests visit; none when empty."""


@dataclasses.dataclass(frozen=True)
class Browser:
    """A page, and everything that went wrong or elsewhere while it was used."""

    page: playwright.Page
    url: str
    wrong: list[str]

    def go(self, path: str) -> None:
        response = self.page.goto(path if path.startswith("http") else f"{self.url}{path}")
        assert response is not None
        assert response.status == 200, path

    def open(self, model: str, pk: str) -> None:
        """The page of one row: `model` is "invoices/invoice"."""
        self.go(f"/admin/{model}/{pk}/change/")

    def shoot(self, name: str, *, whole: bool = True) -> None:
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=whole)


@pytest.fixture(scope="module")
def chromium() -> Iterator[playwright.Browser]:
    """One process; each page has cookies and a cache of its own."""
    if CHROMIUM is None:
        pytest.skip("no browser: install Chromium (Debian, Ubuntu: apt-get install chromium)")
    with pytest.MonkeyPatch.context() as patch, playwright.sync_playwright() as started:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # its loop is idle whenever we are not
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture
def browser(live_server: LiveServer, chromium: playwright.Browser) -> Iterator[Browser]:
    """Signed out; whatever a page logs as an error or asks another host for is collected."""
    User.objects.create_superuser(EMAIL, PASSWORD)
    wrong: list[str] = []

    def note(request: playwright.Request) -> None:
        if not request.url.startswith((live_server.url, "data:")):
            wrong.append(request.url)

    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    page.on("request", note)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on("response", lambda response: wrong.append(response.url) if response.status >= 400 else None)
    yield Browser(page, live_server.url, wrong)
    page.close()
    assert wrong == []


@pytest.fixture
def staff(browser: Browser) -> Browser:
    """Signed in as a person does it."""
    browser.go("/admin/")
    browser.page.fill("input[name=username]", EMAIL)
    browser.page.fill("input[name=password]", PASSWORD)
    browser.page.click("#login-form button[type=submit]")
    browser.page.wait_for_selector(".q-find")
    return browser
