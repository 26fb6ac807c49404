"""What lists read of a large table is less than the table, and still what was asked for."""

import datetime
from io import StringIO

import pytest
from django.core.management import call_command

from config.admin import filters
from config.api.filters import TIMES_DIFFER_BY
from invoices.models import Invoice
from invoices.tests.factories import make_invoice
from payments.models import Payment
from tests.admin.world import chief
from tests.api import ApiConsumer

pytestmark = pytest.mark.django_db(transaction=True)  # ANALYZE TABLE commits


@pytest.fixture(autouse=True)
def _seeded() -> None:
    call_command("seed_volume", invoices=60, processes=1, stdout=StringIO())


def listed(**query: str) -> list[str]:
    """Ids of the API's invoices, newest first."""
    api = ApiConsumer()
    answer = api.client.get(
        "/api/v1/invoices", {"limit": "100", **query}, headers={"Authorization": f"Bearer {api.secret}"}
    )
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["data"]]


def test_a_list_between_two_instants_has_all_of_them() -> None:
    """From, which is included, and before, which is not; also together."""
    rows = list(Invoice.objects.order_by("-id").values_list("id", "created_at"))
    since, before = rows[40][1], rows[20][1]
    assert listed(created_from=since.isoformat()) == [id for id, at in rows if at >= since]
    assert listed(created_before=before.isoformat()) == [id for id, at in rows if at < before]
    both = listed(created_from=since.isoformat(), created_before=before.isoformat())
    assert both == [id for id, at in rows if since <= at < before]


@pytest.mark.parametrize("seconds", [-59, 59])
def test_a_time_that_differs_from_the_id_hides_nothing(seconds: int) -> None:
    """The time on a row may be a minute from the one in its id: the row's own is what counts."""
    assert datetime.timedelta(seconds=abs(seconds)) < TIMES_DIFFER_BY
    invoice = make_invoice()
    invoice.created_at += datetime.timedelta(seconds=seconds)
    invoice.save(update_fields=["created_at"])
    just_after = invoice.created_at + datetime.timedelta(microseconds=1)
    assert invoice.id in listed(created_from=invoice.created_at.isoformat(), created_before=just_after.isoformat())
    assert invoice.id not in listed(created_from=just_after.isoformat())


def test_staff_filters_what_has_no_index_among_the_newest_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is told so."""
    newest = list(Payment.objects.order_by("-id")[:10])
    wanted = [row.pk for row in newest if row.currency == "EUR"]
    monkeypatch.setattr(filters, "SEARCHED_ROWS", 10)
    answer = chief().get("/admin/payments/payment/", {"currency": "EUR"})
    assert [row.pk for row in answer.context["cl"].result_list] == wanted
    assert "currency (newest 10)" in answer.content.decode()
