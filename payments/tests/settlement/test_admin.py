"""Differences in the back office."""

import time

import pytest

from config.admin import looks
from payments.models import Difference
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.objects import NewCharge
from payments.tests.factories import make_payment
from payments.tests.settlement.books import charged_there, reconcile
from tests.admin.world import chief

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_waits_for_a_person_is_on_the_first_page_and_in_a_list(core: SimulatorCore) -> None:
    """What was mended is not, and its page leads to the payment."""
    payment = make_payment()
    charged_there(core, payment)
    core.charge(NewCharge(500, "EUR", "tok_visa", "pay_of_another_shop"), key="k", now=time.time())
    reconcile()
    mended, left = Difference.objects.order_by("resolved_at")[::-1]
    client = chief()
    open_list = "/admin/payments/difference/?resolved_at__isempty=1"
    assert open_list in client.get("/admin/").content.decode()
    page = client.get(open_list).content.decode()
    assert (left.id in page, mended.id in page, "5.00 EUR" in page) == (True, False, True)
    page = client.get(looks.url_of(mended)).content.decode()
    assert looks.page_of("payments", "payment", payment.id) in page
    assert "12.50 EUR" in page
