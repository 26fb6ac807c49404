"""A year is worth what it notices: errors that others have made in billing, put into a copy of ours one by one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.planted_bugs.bugs import Bug, Edit
from tests.planted_bugs.test_every_bug_is_noticed import copied_with, of_its_own

CALENDAR = "billing/services/calendar.py"
CHARGING = "billing/services/charging.py"
ERRORS = (
    Edit(
        "config/kernel/money.py",
        "amount_until = round(amount * weight_before / whole)",
        "amount_until = int(amount * weight_before / whole + Fraction(1, 2))",
    ),
    Edit(
        CHARGING,
        "    return before, after\n",
        "    return before, amount * ((ends_at - at) // _MICROSECOND) // ((ends_at - starts_at) // _MICROSECOND)\n",
    ),
    Edit(
        CHARGING,
        "[(at - starts_at) // _MICROSECOND, (ends_at - at) // _MICROSECOND]",
        "[(at - starts_at).days, (ends_at - starts_at).days - (at - starts_at).days]",
    ),
    Edit(CHARGING, "unit_amount=rest, starts_at=now)", "starts_at=now)"),
    Edit(CHARGING, '.order_by("-id").first()', '.order_by("id").first()'),
    Edit(
        CHARGING,
        "    cycles = 0 if is_anchored_there else subscription.anchor_cycles + 1\n",
        "    subscription.anchored_at, cycles = subscription.period_ends_at, 0\n",
    ),
    Edit(
        CHARGING,
        "unit_amount=subscription.plan_version.amount,\n",
        "unit_amount=subscription.plan_version.plan.latest_version.amount,\n",
    ),
    Edit(CALENDAR, "zone = zoneinfo.ZoneInfo(time_zone)", 'zone = zoneinfo.ZoneInfo("UTC")'),
    Edit(CALENDAR, ".replace(tzinfo=zone).astimezone", ".replace(tzinfo=zone, fold=1).astimezone"),
    Edit(CALENDAR, "relativedelta(months=3)", "relativedelta(days=90)"),
    Edit(CHARGING, "        moving.anchor(subscription, at=subscription.period_ends_at)\n", "        pass\n"),
    Edit("billing/services/features.py", "-(-max(used - limit, 0) // self.per)", "max(used - limit, 0) // self.per"),
    Edit("billing/services/ending.py", "    lines = metering.close_all(subscription)\n", "    lines = []\n"),
    Edit(
        "invoices/services/issuing.py",
        "    balance = credit.credit_balance(customer=customer, currency=new.currency) if customer else 0\n",
        "    balance = 0\n",
    ),
)


def test_every_error_can_still_be_made() -> None:
    """What it changes is there, once."""
    for error in ERRORS:
        assert (ROOT / error.path).read_text().count(error.old) == 1, error


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.new.strip())
def test_a_year_notices(error: Edit, tmp_path: Path) -> None:
    """One of the two short ones; on SQLite, which makes its tables in a moment."""
    copy = copied_with(Bug(error.new, (error,)), tmp_path)
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-m", "long or not long"]
    command += ["-k", "25", "tests/year/test_year.py"]
    environment = of_its_own() | {"DATABASE_URL": "sqlite://:memory:", "REDIS_URL": ""}
    found = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=800, env=environment)
    print(found.stdout[-3000:])
    assert found.returncode == 1
    assert "FAILED tests/year/test_year.py" in found.stdout
