"""The trial balance of a day: what was booked on it, and how the accounts stood at its end."""

import datetime
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum

from invoices.admin import ledger as ledger_admin
from invoices.ledger import services as ledger
from invoices.ledger import trial_balance
from invoices.models import Entry, Journal
from tests.admin.world import chief

pytestmark = pytest.mark.django_db(transaction=True)  # ANALYZE TABLE commits


@pytest.fixture(autouse=True)
def _seeded() -> None:
    call_command("seed_volume", invoices=120, processes=1, stdout=StringIO())


def middle() -> datetime.date:
    """A day with journals before and after it."""
    journals = Journal.objects.order_by("recorded_at")
    return journals[journals.count() // 2].recorded_at.date()


def test_the_whole_is_what_the_ledger_says() -> None:
    """Debits and credits of each account, and their difference."""
    rows = {(row.account, row.currency): row.balance for row in trial_balance.whole()}
    assert rows == ledger.balances()


def test_a_day_has_its_own_journals_and_the_balances_of_its_end() -> None:
    """Against a plain sum over all entries up to midnight."""
    on = middle()
    rows = trial_balance.of_day(on)
    end = datetime.datetime.combine(on + datetime.timedelta(days=1), datetime.time(), tzinfo=datetime.UTC)
    until = Entry.objects.filter(journal__recorded_at__lt=end).values_list("currency", "account")
    expected = {(currency, account): total for currency, account, total in until.annotate(total=Sum("amount"))}
    assert {(row.currency, row.account): row.balance for row in rows if row.balance} == {
        key: total for key, total in expected.items() if total
    }
    on_the_day = Entry.objects.filter(journal__recorded_at__date=on)
    assert sum(row.debits for row in rows) == sum(entry.amount for entry in on_the_day if entry.amount > 0) > 0
    assert sum(row.debits + row.credits for row in rows) == 0


def test_the_page_shows_a_day() -> None:
    """With its balances, and says so where that would take too long."""
    page = chief().get("/admin/invoices/entry/trial-balance/", {"on": middle().isoformat()})
    assert page.status_code == 200
    assert page.context["has_balance"]
    assert all(currency.is_balanced for currency in page.context["currencies"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_admin, "LATER_JOURNALS", 1)
        page = chief().get("/admin/invoices/entry/trial-balance/", {"on": middle().isoformat()})
    assert "manage.py trial_balance --on" in page.content.decode()


@pytest.mark.parametrize("on", ["yesterday", "2026-02-30", "", "9999-12-31"])
def test_what_is_no_day_shows_all_time(on: str) -> None:
    """With a word about it, and no error."""
    page = chief().get("/admin/invoices/entry/trial-balance/", {"on": on})
    assert page.context["on"] is None
    assert ("That is no day" in page.content.decode()) == bool(on)


def test_the_command_prints_a_day() -> None:
    """For people, and as JSON for programs."""
    out = StringIO()
    call_command("trial_balance", "--on", middle().isoformat(), "--json", stdout=out)
    assert [row["account"] for row in json.loads(out.getvalue())]
    call_command("trial_balance", stdout=out)
    assert "receivable" in out.getvalue()
    with pytest.raises(CommandError, match="a day such as"):
        call_command("trial_balance", "--on", "yesterday")
