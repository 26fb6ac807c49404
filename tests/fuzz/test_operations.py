"""Every operation of docs/openapi.yaml under schemathesis, in a real server on MariaDB."""

import pytest
import yaml

from payments.tests.factories import make_method, make_payment
from tests.api import ApiConsumer, SignedIn
from tests.fuzz.attack import DOCUMENT, Report, attack
from tests.fuzz.effort import fresh_seed
from tests.fuzz.money import make_money, succeeded
from tests.fuzz.plans import make_examples, make_subscriptions
from tests.fuzz.refusals import REFUSALS
from tests.fuzz.subscribers import make_subscribers
from tests.invariants import check_invariants

OPERATIONS = {
    f"{method.upper()} {path}"
    for path, methods in yaml.safe_load(DOCUMENT.read_text())["paths"].items()
    for method in methods
}

FOR_PEOPLE = {operation for operation in OPERATIONS if "/auth/" in operation}
"""What people do who sign in: tried with the token of one."""
NOT_FOR_PEOPLE = {"include-path-regex": "^(?!.*/auth/)", "enabled": False}
NOT_FOR_BACK_ENDS = {"include-path-regex": "/auth/", "enabled": False}

MAY_FIND_NOTHING = {
    "POST /api/v1/subscriptions/{subscription_id}/reactivate",
    "POST /api/v1/payments/{payment_id}/confirm",
    "POST /api/v1/payments/{payment_id}/fail",
    "POST /api/v1/payments/{payment_id}/cancel",
    "POST /api/v1/payments/{payment_id}/refund",
    "POST /api/v1/payments/{payment_id}/resolve",
    "POST /api/v1/refunds/{refund_id}/confirm",
    "POST /api/v1/refunds/{refund_id}/fail",
    "POST /api/v1/receipts/{receipt_id}/dispose",
    "POST /api/v1/webhook-endpoints/{endpoint_id}/test",
    "POST /api/v1/webhook-endpoints/{endpoint_id}/pause",
    "POST /api/v1/webhook-endpoints/{endpoint_id}/resume",
    "POST /api/v1/webhook-endpoints/{endpoint_id}/disable",
    "POST /api/v1/webhook-endpoints/{endpoint_id}/enable",
}
"""They need a live manual payment, a subscription that is about to end and the like; whichever comes first ends it."""

MANY_GOOD_BODIES = {
    "include-name": [
        "POST /api/v1/invoices",
        "POST /api/v1/payments",
        "POST /api/v1/payments/{payment_id}/refund",
        "POST /api/v1/payments/{payment_id}/resolve",
        "POST /api/v1/webhook-endpoints",
        "POST /api/v1/webhook-endpoints/{endpoint_id}/deliveries/resend",
    ],
    "phases": {"coverage": {"generation": {"mode": "negative"}}},
}
"""A thousand good edge cases, under one key and so nearly all answered alike: these are only tried at length."""


def make_work() -> dict[str, str]:
    """Something for every operation; what there is for what the document's examples name."""
    for _ in range(10):
        make_payment(provider="manual")
        make_money()
        succeeded()
        make_method()
        make_subscribers()
        make_subscriptions()
    return make_examples()


def assert_held(report: Report) -> None:
    """No check failed, every operation was called and did what it is for, and the books balance."""
    assert not report.failures, f"{len(report.failures)} failures\n\n" + "\n\n".join(report.failures[:10])
    for operation in OPERATIONS - FOR_PEOPLE - MAY_FIND_NOTHING:
        assert {200, 201, 204} & report.statuses(operation).keys(), f"{operation} never worked"
    check_invariants()


def test_every_operation_answers_as_documented(port: int, committed_api: ApiConsumer) -> None:
    """Examples, edge cases of every schema, random requests and chains of them: no 5xx and nothing undocumented."""
    report = attack(
        port=port,
        headers={"Authorization": f"Bearer {committed_api.secret}"},
        seed=0,
        max_examples=4,
        examples=make_work(),
        operations=[MANY_GOOD_BODIES, NOT_FOR_BACK_ENDS],
    )
    assert_held(report)


def test_every_operation_of_accounts_answers_as_documented(port: int, committed_api: ApiConsumer) -> None:
    """Tried by somebody who is signed in, and signed out meanwhile, too often and with other people's tokens."""
    headers = {"Authorization": f"Bearer {SignedIn().secret}"}
    report = attack(port=port, headers=headers, seed=0, max_examples=4, operations=[NOT_FOR_PEOPLE])
    assert not report.failures, f"{len(report.failures)} failures\n\n" + "\n\n".join(report.failures[:10])
    assert {operation for operation, _ in report.calls} == FOR_PEOPLE
    assert 202 in report.statuses("POST /api/v1/auth/password/reset")
    check_invariants()


@pytest.mark.parametrize(
    ("authorization", "phase"),
    [
        (None, "fuzzing"),
        pytest.param(None, "coverage", marks=pytest.mark.long),
        pytest.param("Bearer qt_test_" + "a" * 52, "coverage", marks=pytest.mark.long),
    ],
)
def test_nothing_answers_without_a_key(
    port: int, committed_api: ApiConsumer, authorization: str | None, phase: str
) -> None:
    """Whatever is sent, nobody gets in, and nobody learns what exists."""
    headers = {"Authorization": authorization} if authorization else {}
    phases = {each: {"enabled": each == phase} for each in ("coverage", "fuzzing", "stateful")}
    report = attack(port=port, headers=headers, seed=0, max_examples=1, phases=phases, operations=[NOT_FOR_BACK_ENDS])
    assert {operation for operation, _ in report.calls} == OPERATIONS - FOR_PEOPLE
    assert {status for _, status in report.calls} <= {400, 401, 405}


@pytest.mark.long
def test_every_operation_answers_as_documented_at_length(port: int, committed_api: ApiConsumer) -> None:
    """The same with many random requests, from a seed that FUZZ_SEED repeats."""
    report = attack(
        port=port,
        headers={"Authorization": f"Bearer {committed_api.secret}"},
        seed=fresh_seed(),
        max_examples=400,
        examples=make_work(),
        phases={"stateful": {"max-steps": 12}},
        operations=[NOT_FOR_BACK_ENDS],
    )
    print(report.table())
    print("\n".join(f"{report.excused[refusal]:7} {refusal}" for refusal in REFUSALS))
    assert_held(report)
