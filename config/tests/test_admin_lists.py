"""Lists that cost the same on a million rows: bounded counts, pages and filters."""

import datetime
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import User
from config.admin import BoundedPaginator, bounded_count, filters, looks, paginator, searching
from config.kernel import clock
from invoices.models import Customer
from invoices.tests.factories import make_customer, make_invoice
from payments.models import Payment
from payments.tests.factories import make_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "correct horse"))
    return client


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting ends at ten, and there are twelve customers."""
    monkeypatch.setattr(paginator, "COUNTED_ROWS", 10)
    for _ in range(12):
        make_customer()


def test_counting_ends_where_it_may() -> None:
    """Up to the limit exact, beyond it "more than"; the database counts no further."""
    for _ in range(4):
        make_customer()
    rows = Customer.objects.order_by("-pk")
    assert [str(bounded_count(rows, limit)) for limit in (3, 4, 5)] == ["3+", "4", "4"]
    with CaptureQueriesContext(connection) as captured:
        bounded_count(rows, 3)
    assert "LIMIT 4" in captured[0]["sql"]
    assert str(paginator.BoundedCount(1000, True)) == "1,000+"


def test_a_long_list_ends_and_says_so(few: None, staff: Client) -> None:
    """Ten of twelve rows on pages, "10+", and what to do; an ordinary paginator would count them all."""
    answer: Any = staff.get("/admin/invoices/customer/")
    assert isinstance(answer.context["cl"].paginator, BoundedPaginator)
    assert answer.context["cl"].result_count == 10
    text = " ".join(answer.content.decode().split())
    assert "10+ customers" in text
    assert "search or filter for others" in text
    first = Customer.objects.order_by("pk")[0]
    found: Any = staff.get("/admin/invoices/customer/", {"q": first.pk})
    assert list(found.context["cl"].result_list) == [first]


def test_a_page_that_is_not_there_leads_back(few: None, staff: Client) -> None:
    """The list without its parameters, and no error."""
    assert staff.get("/admin/invoices/customer/", {"p": "99"}, follow=True).status_code == 200


def test_a_list_starts_with_a_count_for_each_state(staff: Client) -> None:
    """Each leads to the list of exactly those."""
    make_invoice()
    make_invoice()
    answer: Any = staff.get("/admin/invoices/invoice/", {"status__exact": "open"})
    counts = {value: (str(count), chosen) for value, _, count, chosen in answer.context["status_counts"]}
    assert counts["open"] == ("2", True)
    assert counts["paid"] == ("0", False)
    assert 'href="?status__exact=paid"' in answer.content.decode()


def test_a_filter_offers_what_the_newest_rows_hold(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Older values are reached by address, and are then offered too."""
    monkeypatch.setattr(filters, "RECENT_ROWS", 2)
    for currency in ("KWD", "EUR", "JPY"):
        make_invoice(currency=currency)
    assert offered(staff) == ["EUR", "JPY"]
    answer: Any = staff.get("/admin/invoices/invoice/", {"currency": "KWD"})
    assert [row.currency for row in answer.context["cl"].result_list] == ["KWD"]
    assert offered(staff, currency="KWD") == ["EUR", "JPY", "KWD"]


def offered(staff: Client, **query: str) -> list[str]:
    answer: Any = staff.get("/admin/invoices/invoice/", query)
    (spec,) = [spec for spec in answer.context["cl"].filter_specs if isinstance(spec, filters.RecentValuesFilter)]
    return [choice["display"] for choice in spec.choices(answer.context["cl"])][1:]


def test_a_list_has_no_columns_to_sort_by(staff: Client) -> None:
    """A click must not sort a million rows without an index."""
    make_invoice()
    assert 'href="?o=' not in staff.get("/admin/invoices/invoice/").content.decode()


def test_fields_look_like_what_they_are(staff: Client) -> None:
    """Money with its currency, states in colour, moments with their age, others by name and link."""
    customer = make_customer(name="Ada <b>")
    invoice = make_invoice(amount=123450, currency="KWD", customer_id=customer.pk)
    for path in ("", f"{invoice.pk}/change/"):
        page = staff.get(f"/admin/invoices/invoice/{path}").content.decode()
        assert "123.450 KWD" in page
        assert '<span class="q-label q-busy">open</span>' in page
        assert re.search(r">\d+ s ago<", page)
        assert ">Ada &lt;b&gt;</a>" in page
        assert "<b>Ada" not in page


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3600, "1 h ago"),
        (90000, "1 d ago"),
        (-120.5, "in 2 min"),
    ],
)
def test_an_age_is_said_in_its_largest_unit(seconds: float, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounded down, in business time."""
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    assert looks.ago(now - datetime.timedelta(seconds=seconds)) == text


def test_text_that_is_no_json_is_shown_as_it_is() -> None:
    """Signed garbage, and what is nested too deeply to read."""
    assert looks.pretty_text("garbage") == "garbage"
    assert looks.pretty_text("[" * 100_000) == "[" * 100_000
    assert looks.pretty_text('{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'


def test_a_text_names_a_row_exactly_or_not_at_all() -> None:
    """Only fields with an index are looked up; the others are left to the search for contained text."""
    payments = [make_payment() for _ in range(3)]
    for row in payments:
        Payment.objects.filter(pk=row.pk).update(provider_reference=f"ref-{row.pk}")
    for row in payments:
        (lookup,) = searching.of_fields(f"ref-{row.pk}", ["provider_reference__exact", "failure_message"])
        assert searching.first_found(Payment, [lookup]) == [row.pk]
    assert searching.first_found(Payment, searching.of_fields("ref-", ["provider_reference__exact"])) == []
