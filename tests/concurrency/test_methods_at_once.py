"""One customer's payment methods are attached, detached and made the default at the same moment, on MariaDB."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from config.kernel.errors import Conflict
from invoices.models import Customer
from invoices.tests.factories import MERCHANT_KEY, make_customer, make_invoice
from outbox.models import OutboxEvent
from payments import services
from payments.models import PaymentMethod
from payments.services import PaymentTerms
from payments.tests.factories import make_key, make_method
from payments.tests.simulator import simulated_in_process
from tests.concurrency.threads import all_at_once
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 16
TOKENS = ["tok_visa", "tok_mastercard", "tok_amex", "tok_async"]


@pytest.fixture(autouse=True)
def _described() -> Iterator[None]:
    with simulated_in_process():
        yield


def attach(customer: Customer, token: str, *, make_default: bool = False) -> tuple[str, bool]:
    created = services.attach_payment_method(
        actor=MERCHANT_KEY, customer_id=customer.id, token=token, provider="simulated", make_default=make_default
    )
    return created.row.id, created.is_new


def defaults(customer: Customer) -> list[str]:
    """By the rows and by the log."""
    rows = list(PaymentMethod.objects.filter(default_for=customer).values_list("id", flat=True))
    changes = OutboxEvent.objects.filter(aggregate_id=customer.id, type="payment_method.default_changed")
    latest = changes.latest("sequence").data["payment_method"]
    assert rows == ([latest] if latest else [])
    return rows


def refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except Conflict:
        return True
    return False


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.long)])
def test_one_token_sixteen_times_is_one_method(rounds: int) -> None:
    """One is new, and all are told the same id."""
    for _ in range(rounds):
        customer = make_customer()
        answers = all_at_once([partial(attach, customer, "tok_visa")] * THREADS)
        assert len({method_id for method_id, _ in answers}) == 1
        assert Counter(is_new for _, is_new in answers) == {True: 1, False: THREADS - 1}
        assert len(defaults(customer)) == 1
    check_invariants()


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.long)])
def test_whatever_is_made_the_default_at_once_there_is_one(rounds: int) -> None:
    """Four tokens attached four times each, half of them as the default, then all made the default at once."""
    for _ in range(rounds):
        customer = make_customer()
        calls = [partial(attach, customer, TOKENS[n % 4], make_default=n % 2 == 0) for n in range(THREADS)]
        ids = sorted({method_id for method_id, _ in all_at_once(calls)})
        assert len(ids) == 4
        assert len(defaults(customer)) == 1
        all_at_once([partial(services.make_default, actor=MERCHANT_KEY, method_id=ids[n % 4]) for n in range(THREADS)])
        assert len(defaults(customer)) == 1
    check_invariants()


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.long)])
def test_detaching_against_making_default_against_paying(rounds: int) -> None:
    """A detached method is nobody's default, and each payment was made with one that had been attached."""
    for _ in range(rounds):
        customer = make_customer()
        visa, amex = make_method(customer), make_method(customer, token="tok_amex")
        invoices = [make_invoice(customer_id=customer.id) for _ in range(8)]
        pay = partial(services.pay_invoice, actor=MERCHANT_KEY, terms=PaymentTerms(payment_method=amex.id))
        calls: list[Callable[[], object]] = [
            *(partial(services.detach_payment_method, actor=MERCHANT_KEY, method_id=visa.id) for _ in range(4)),
            *(partial(services.make_default, actor=MERCHANT_KEY, method_id=id) for id in (visa.id, amex.id) * 2),
            *(partial(pay, invoice_id=invoice.id, key=make_key()) for invoice in invoices),
        ]
        answers = all_at_once([partial(refused, call) for call in calls])
        assert answers[:4].count(False) == 1
        assert not any(answers[8:])
        assert visa.id not in defaults(customer)
        assert {payment.attached_method_id for payment in amex.payments.all()} == {amex.id}
        assert amex.payments.count() == 8
    check_invariants()
