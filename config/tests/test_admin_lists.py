"""Lists that cost the same on a million rows: bounded counts, pages and filters."""

import datetime
import html
import re
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.admin import bounded_count, filters, looks, paginator, searching
from config.admin.paginator import COUNTED_ROWS
from config.kernel import clock
from invoices.models import Customer, Invoice
from invoices.tests.factories import make_customer, make_invoice
from payments.models import Payment
from payments.tests.factories import make_payment
from tests.staff import signed_in

pytestmark = pytest.mark.django_db
CUSTOMERS = "/admin/invoices/customer/"


@pytest.fixture
def staff() -> Client:
    return signed_in(is_superuser=True)


@pytest.fixture
def many() -> list[Customer]:
    """Three customers more than pages show, newest first."""
    rows = [Customer(name=f"customer {n}", created_at=clock.now()) for n in range(COUNTED_ROWS + 3)]
    return Customer.objects.bulk_create(rows)[::-1]


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


def link(page: Any, text: str) -> str:
    """The query string that `text` leads to below a list."""
    (found,) = re.findall(rf'href="([^"]*)">{text}<', page.content.decode())
    return html.unescape(found)


def test_a_long_list_ends_and_goes_on(many: list[Customer], staff: Client) -> None:
    """A thousand rows on pages, "1,000+", then those after them, and back; another paginator would count them all."""
    answer: Any = staff.get(CUSTOMERS)
    assert answer.context["cl"].result_count == COUNTED_ROWS
    assert "1,000+ customers" in " ".join(answer.content.decode().split())
    assert "Back to the newest" not in answer.content.decode()
    older: Any = staff.get(CUSTOMERS + link(answer, "Go on after the last page"))
    assert list(older.context["cl"].result_list) == many[COUNTED_ROWS:]
    assert "Go on after the last page" not in older.content.decode()
    newest: Any = staff.get(CUSTOMERS + link(older, "Back to the newest"))
    assert list(newest.context["cl"].result_list) == many[:50]


def test_a_list_goes_on_with_its_filters_from_any_page(many: list[Customer], staff: Client) -> None:
    """The search stays, the page number does not; an id that is none leads back to the list."""
    answer: Any = staff.get(CUSTOMERS, {"q": "customer", "p": "3"})
    onward = link(answer, "Go on after the last page")
    assert parse_qs(onward.lstrip("?")) == {"q": ["customer"], "pk__lt": [many[COUNTED_ROWS - 1].pk]}
    assert list(staff.get(CUSTOMERS + onward).context["cl"].result_list) == many[COUNTED_ROWS:]
    assert staff.get(CUSTOMERS, {"pk__lt": "nonsense"}, follow=True).status_code == 200


def test_a_list_that_ends_where_pages_do_does_not_go_on(many: list[Customer], staff: Client) -> None:
    """There is nothing after the thousandth of a thousand rows."""
    Customer.objects.filter(pk__in=[row.pk for row in many[-3:]]).delete()
    answer: Any = staff.get(CUSTOMERS)
    assert answer.context["cl"].result_count == COUNTED_ROWS
    assert "Go on after the last page" not in answer.content.decode()


def test_a_page_that_is_not_there_leads_back(many: list[Customer], staff: Client) -> None:
    """The list without its parameters, and no error."""
    assert staff.get(CUSTOMERS, {"p": "99"}, follow=True).status_code == 200


def test_a_list_starts_with_a_count_for_each_state(staff: Client) -> None:
    """Each leads to the list of exactly those."""
    make_invoice()
    make_invoice()
    answer: Any = staff.get("/admin/invoices/invoice/", {"status__exact": "open"})
    counts = {value: (str(count), chosen) for value, _, count, chosen in answer.context["status_counts"]}
    assert counts["open"] == ("2", True)
    assert counts["paid"] == ("0", False)
    assert 'href="?status__exact=paid"' in answer.content.decode()


def test_a_filter_offers_what_the_newest_rows_hold(staff: Client) -> None:
    """Older values are reached by address, and are then offered too."""
    make_invoice(currency="KWD")
    common = {"owner": "merchant", "amount": 1, "created_at": clock.now()}
    currencies = ["EUR", "JPY"] * (filters.RECENT_ROWS // 2)
    Invoice.objects.bulk_create([Invoice(currency=currency, **common) for currency in currencies])
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
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599.9, "59 min"), (3600, "1 h"), (86399, "23 h"), (90000, "1 d")],
)
def test_an_age_is_said_in_its_largest_unit(seconds: float, text: str) -> None:
    """Rounded down."""
    assert looks.age(seconds) == text


@pytest.mark.parametrize(("minutes", "text"), [(-3.5, "3 min ago"), (3.5, "in 3 min")])
def test_an_age_is_that_of_now(minutes: float, text: str) -> None:
    """What was, and what will be."""
    assert looks.ago(clock.now() + datetime.timedelta(minutes=minutes)) == text


def test_a_text_names_a_row_exactly_or_not_at_all() -> None:
    """Only fields with an index are looked up; the others are left to the search for contained text."""
    payments = [make_payment() for _ in range(3)]
    for row in payments:
        Payment.objects.filter(pk=row.pk).update(provider_reference=f"ref-{row.pk}")
    for row in payments:
        (lookup,) = searching.of_fields(f"ref-{row.pk}", ["provider_reference__exact", "failure_message"])
        assert searching.first_found(Payment, [lookup]) == [row.pk]
    assert searching.first_found(Payment, searching.of_fields("ref-", ["provider_reference__exact"])) == []
