"""No statement of a hot use case scans, sorts or reads the whole of a table that grows: by MariaDB's own plan."""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from billing.models import Subscription
from config.admin import filters
from config.kernel import clock
from invoices.models import Customer, Invoice
from outbox import services as outbox
from payments.models import Payment
from payments.tests.simulator import connected_simulator
from tests.fuzz.effort import EFFORTS, some_of
from tests.scale import full, pages, plans, use_cases
from tests.scale.plans import Problem

pytestmark = [
    pytest.mark.skipif("connection.vendor != 'mysql'", reason="plans are MariaDB's"),
    pytest.mark.xdist_group("full"),
]

ALLOWED: dict[tuple[str, str], str] = {
    (
        r"^admin (index|find|search|filter inbound.replay)",
        r"of inbound_replay",
    ): "only people replay: thousands in years",
    (r"^admin (index|find|search|filter outbox.held)", r"of outbox_held"): "only trouble is held: thousands in years",
    (
        r"^api /api/v1/webhook-endpoints/.* \{'created_before'",
        r"long read of outbound_delivery",
    ): "MariaDB goes through an endpoint's deliveries from the newest on where half of them are older",
    (r"^admin search invoices.customer", r"scan of invoices_customer"): "staff searches by a part of a name",
}
"""(use case, problem) as patterns → why it may be so."""


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Full for all tests of this module, which roll back what they do, and empty again after them."""
    with django_db_blocker.unblock():
        full.fill()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "SEARCHED_ROWS", plans.MANY_ROWS // 2)
        patch.setattr(filters, "RECENT_ROWS", plans.MANY_ROWS // 2)
        yield
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)


def found(name: str, use_case: Callable[[], object]) -> list[str]:
    """What is wrong with the statements of a use case, exceptions left out."""
    with plans.captured() as statements:
        use_case()
    wrong = [problem for statement in dict.fromkeys(statements) for problem in _problems(statement)]
    return [f"{name}: {problem}" for problem in wrong if not _is_allowed(name, problem)]


_problems = functools.cache(plans.problems)
"""Sessions, permissions and counts are asked for on every page."""


def report(wrong: list[str]) -> None:
    """Fail with one line for each."""
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def _is_allowed(name: str, problem: Problem) -> bool:
    return any(re.search(case, name) and re.search(what, problem.what) for case, what in ALLOWED)


@pytest.mark.django_db
@pytest.mark.parametrize("use_case", use_cases.USE_CASES, ids=lambda each: each.__name__)
def test_a_use_case_reads_only_what_it_needs(database: None, use_case: Callable[[], None]) -> None:
    """Pay, create, webhooks, pages, sweeps, relay, replay, status."""
    with connected_simulator():
        report(found(use_case.__name__, use_case))


@pytest.mark.django_db
def test_a_list_of_the_api_reads_only_what_it_shows(database: None) -> None:
    """Every list, by every filter, first page and next."""
    lists = pages.api_lists()
    assert len(lists) >= 3
    wrong = [
        each
        for path, view in lists
        for query in pages.queries(view)
        for each in found(f"api {path} {query}", functools.partial(pages.turn_pages, path, query))
    ]
    report(wrong)


@pytest.mark.django_db
@EFFORTS
def test_the_back_office_reads_only_what_it_shows(database: None, effort: str) -> None:
    """Every list, filter, search and page of every model; in a short run one in thirteen of them."""
    addresses = some_of(effort, pages.admin_addresses(), each=13)
    report([each for name, visit in addresses for each in found(name, visit)])


@pytest.mark.parametrize(
    ("table", "index", "use_case"),
    [
        ("invoices_invoice", "invoices_invoice_order_owner", "order_id"),
        ("payments_payment", "payments_payment_provider_ref", "provider_reference"),
        ("invoices_customer", "invoices_customer_email", "email"),
        ("outbox_outboxevent", "outbox_event_shard_position", "relay"),
        ("billing_subscription", "billing_subscription_due", "due"),
    ],
)
def test_a_missing_index_is_noticed(
    database: None, django_db_blocker: DjangoDbBlocker, table: str, index: str, use_case: str
) -> None:
    """These tests fail when an index is gone: here MariaDB ignores it for a moment."""
    with django_db_blocker.unblock(), ignored(table, index):
        with plans.captured() as statements:
            MISSED[use_case]()
        wrong = [str(problem) for statement in statements for problem in plans.problems(statement)]
    assert wrong
    assert all(f" of {table} " in each for each in wrong)


MISSED: dict[str, Callable[[], object]] = {
    "order_id": lambda: list(Invoice.objects.filter(order_id="order-1").order_by("-id")[:20]),
    "provider_reference": lambda: list(Payment.objects.filter(provider_reference="ch_1").order_by("-id")[:20]),
    "email": lambda: list(Customer.objects.filter(email="a@example.com").order_by("-id")[:20]),
    "relay": outbox.relay_once,
    "due": lambda: list(Subscription.objects.due(clock.now())[:200]),
}
"""Those that write nothing while there is nothing to do."""


@contextlib.contextmanager
def ignored(table: str, index: str) -> Iterator[None]:
    """Not used for any plan inside the block."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ALTER INDEX {index} IGNORED")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {table} ALTER INDEX {index} NOT IGNORED")
