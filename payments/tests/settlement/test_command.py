"""`manage.py reconcile_payments`."""

import datetime
import io
import json
import time

import pytest
from django.core.management import CommandError, call_command

from payments.models import SettlementRun
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.objects import NewCharge
from payments.tests.factories import make_payment
from payments.tests.settlement.books import DAY, charged_there, now, paid
from payments.tests.settlement.test_runs import BreaksOff, with_payouts
from payments.tests.simulator import simulated_with

pytestmark = pytest.mark.django_db(transaction=True)


def run(*options: str) -> tuple[str, int]:
    """What it prints over the day around now, and its exit code."""
    out = io.StringIO()
    window = ["--since", (now() - DAY).isoformat(), "--until", (now() + DAY).isoformat()]
    try:
        call_command("reconcile_payments", *window, *options, stdout=out)
    except SystemExit as exited:
        return out.getvalue(), int(exited.code or 0)
    return out.getvalue(), 0


def test_nothing_found_is_said_and_exits_with_0(core: SimulatorCore) -> None:
    """One line in summary."""
    core.dials = core.dials.changed({"fee_fixed": 30})
    paid()
    told, code = run("--provider", "simulated")
    summary = "2 lines read, 1 fees and payouts booked; differences: 0 mended, 0 left for staff, 0 no longer found\n"
    assert (told, code) == (summary, 0)


def test_what_is_mended_exits_with_0(core: SimulatorCore) -> None:
    """First told what would be done, then what was."""
    charged_there(core, make_payment())
    rehearsed, code = run("--dry-run")
    assert "missing here: charge ch_" in rehearsed
    assert "ours nothing, theirs 12.50 EUR" in rehearsed
    assert "[would be mended: book the capture]" in rehearsed
    assert "1 would be mended, 0 left" in rehearsed
    assert (code, SettlementRun.objects.count()) == (0, 0)
    told, code = run()
    assert "[mended: book the capture]" in told
    assert code == 0


def test_what_is_left_for_staff_exits_with_1(core: SimulatorCore) -> None:
    """As JSON: a line for each difference, then the summary."""
    core.charge(NewCharge(500, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time())
    text, code = run()
    assert "[for staff]" in text
    assert code == 1
    told, code = run("--json")
    difference, summary = (json.loads(line) for line in told.splitlines())
    assert (difference["kind"], difference["found_amount"], difference["resolved_at"]) == ("missing_here", 500, None)
    assert datetime.datetime.fromisoformat(difference["booked_at"]).tzinfo
    assert (summary["lines"], summary["left"], code) == (1, 1, 1)


def test_books_that_break_off_exit_with_3_and_the_same_command_goes_on(core: SimulatorCore) -> None:
    """It says so."""
    with_payouts(core, 120)
    with simulated_with(transport=BreaksOff(core, now=time.time)), pytest.raises(CommandError, match="goes on") as end:
        run()
    assert end.value.returncode == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--provider", "manual"], "keeps no books"),
        (["--provider", "nobody"], "no provider called nobody"),
        (["--since", "2026-11-21", "--until", "2026-11-20"], "is not before"),
        (["--since", "yesterday"], "is no ISO 8601 instant or date"),
    ],
)
def test_wrong_usage_is_told(core: SimulatorCore, options: list[str], said: str) -> None:
    """With exit code 2, and nothing read."""
    with pytest.raises(CommandError, match=said) as problem:
        run(*options)
    assert problem.value.returncode in (1, 2)
    assert not SettlementRun.objects.exists()
