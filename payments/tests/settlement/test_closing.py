"""Staff closes a difference that it has settled at the provider."""

import time
from typing import Any

import pytest

from config.api.principals import Principal
from invoices.ledger.models import Journal
from payments import services
from payments.models import Difference, Receipt
from payments.providers.base import Declined
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.tests.factories import tell_refund
from payments.tests.settlement.books import (
    assert_nothing_differs,
    charged_for_nobody,
    found,
    make_difference,
    paid,
    reconcile,
    refund_of,
)
from tests.admin.world import chief

pytestmark = pytest.mark.django_db(transaction=True)
STAFF = Principal(kind="staff", id="usr_1")
REASON = "given back on the provider's pages"


def close(difference: Difference) -> Difference:
    return services.close_difference(actor=STAFF, difference_id=difference.id, reason=REASON)


def test_what_is_closed_says_who_and_why_and_books_nothing() -> None:
    """It waits for nobody."""
    closed = close(make_difference())
    assert (closed.mend, closed.closed_by, closed.closed_reason) == ("closed_by_hand", "staff:usr_1", REASON)
    assert not Difference.objects.filter(resolved_at=None).exists()
    assert not Journal.objects.exists()


def test_later_runs_leave_it_closed(core: SimulatorCore) -> None:
    """They find the same, and tell nobody; a dry run neither."""
    charged_for_nobody(core)
    closed = close(found())
    for dry_run in (True, False, False):
        report, told = reconcile(dry_run=dry_run)
        assert (told, report.mended, report.left, report.resolved) == ([], 0, 0, 0)
    again = Difference.objects.get()
    assert (again.mend, again.resolved_at) == ("closed_by_hand", closed.resolved_at)


@pytest.mark.parametrize("changes", [{"amount": 1249, "amount_applied": 1249}, {"currency": "USD"}])
def test_with_other_facts_it_waits_again(core: SimulatorCore, changes: dict[str, Any]) -> None:
    """What was judged is no longer what is there; who judged it stays on record, and it can be closed as it is now."""
    receipts = Receipt.objects.filter(payment=paid())
    receipts.update(amount=1000, amount_applied=1000)
    close(found())
    receipts.update(**changes)
    assert len(reconcile(dry_run=True)[1]) == 1
    again = found()
    assert (again.resolved_at, again.mend, again.closed_reason) == (None, "", REASON)
    close(again)
    assert reconcile()[1] == []
    receipts.update(amount=1250, amount_applied=1250, currency="EUR")


def test_what_a_later_run_can_mend_is_mended_all_the_same(core: SimulatorCore) -> None:
    """Closing hides nothing that is safe to book: a refund that might have been ours while another was under way."""
    payment = paid()
    ours = refund_of(payment, 300)
    core.refund_at_dashboard(payment.provider_reference, amount=300, now=time.time())
    close(found())
    assert reconcile()[1] == []
    tell_refund(ours, Declined(code="lost_card", retryable=False))
    mended = found()
    assert (mended.mend, bool(mended.resolved_at)) == ("adopt_refund", True)
    assert_nothing_differs()


def test_what_waits_for_nobody_is_not_closed() -> None:
    """By whatever it is resolved; text that is no id is not found."""
    difference = close(make_difference())
    with pytest.raises(services.DifferenceResolved, match="staff closed it"):
        close(difference)
    with pytest.raises(services.DifferenceNotFound):
        services.close_difference(actor=STAFF, difference_id="dif_nonsense", reason=REASON)


def test_the_back_office_lists_it_as_closed(core: SimulatorCore) -> None:
    """Not among what waits, nor on the first page; its own page says who closed it and why."""
    charged_for_nobody(core)
    difference = close(found())
    client = chief()
    assert difference.id not in client.get("/admin/payments/difference/?resolved_at__isempty=1").content.decode()
    assert difference.id in client.get("/admin/payments/difference/?mend=closed_by_hand").content.decode()
    page = client.get(f"/admin/payments/difference/{difference.id}/change/").content.decode()
    assert (REASON.replace("'", "&#x27;") in page, "staff:usr_1" in page) == (True, True)
