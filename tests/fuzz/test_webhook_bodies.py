"""Rightly signed webhooks whose content went wrong: 200 and kept, never a bug, never money out of nothing."""

import itertools
import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import strategies as st

from payments.models import Payment
from payments.tests.factories import make_payment
from tests.fuzz.effort import EFFORTS, some_of, try_out
from tests.fuzz.mutations import CARD, ODD_VALUES, every_change, mutated, written
from tests.invariants import check_invariants
from webhooks.inbound.models import Outcome, ProviderEvent
from webhooks.inbound.tests.sending import answer_to, event_about, send

pytestmark = pytest.mark.django_db

TYPES = [
    "charge.pending",
    "charge.succeeded",
    "charge.failed",
    "charge.canceled",
    "charge.expired",
    "charge",
    "refund.succeeded",
    "refund.failed",
    "dispute.opened",
    "dispute.won",
    "dispute.lost",
    "customer.updated",
]
ANSWERS = {"processed", "duplicate", "ignored", "parked", "dead"}


def about(payment: Payment, type_: str, charge: str, id: str) -> dict[str, Any]:
    """A valid event with every reference there is."""
    said = event_about(payment, type_, charge=charge, refund="re_1", dispute="dp_1", failure_code="do_not_honor")
    return dict(json.loads(said)) | {"id": id}


def events(payments: list[Payment]) -> st.SearchStrategy[Any]:
    """Events about `payments`, mutated up to three times."""
    charges, ids = st.sampled_from(["ch_1", "ch_2", "ch_3"]), st.integers(1, 400).map("evt_fuzz_{}".format)
    return st.builds(about, st.sampled_from(payments), st.sampled_from(TYPES), charges, ids).flatmap(mutated)


def assert_kept(client: Client, body: bytes) -> None:
    """One row holds it, or holds what it repeats; it ended, or waits for what it refers to."""
    before = ProviderEvent.objects.count()
    response = send(body, client=client)
    assert response.status_code == 200, response.content
    answer = response.json()
    row = ProviderEvent.objects.get(pk=answer["id"])
    assert answer["status"] in ANSWERS, body
    assert row.outcome != Outcome.FAILED, row.error
    assert ProviderEvent.objects.count() == before + (answer["status"] != "duplicate")
    assert CARD not in row.payload


@EFFORTS
def test_a_capture_that_says_nonsense_books_nothing_wrong(effort: str) -> None:
    """Each member of a capture wrong in each way, about a payment that still waits: taken, refused or in review."""
    client = Client(raise_request_exception=False)
    names = ["amount", "currency", "charge", "reference"]
    for number, (value, name) in enumerate(some_of(effort, itertools.product(ODD_VALUES, names), each=3)):
        event = about(make_payment(), "charge.succeeded", f"ch_{number}", f"evt_{number}")
        event["data"][name] = value
        assert_kept(client, json.dumps(event).encode())
    check_invariants()


@EFFORTS
def test_a_signed_webhook_gone_wrong_is_kept_and_does_no_harm(effort: str) -> None:
    """Whatever it says: 200, one row or the duplicate's, never `failed`, which is our bug; and the books balance."""
    client = Client(raise_request_exception=False)
    payments = [make_payment() for _ in range(6)]
    spared = payments.pop()
    numbers = itertools.count()
    changes = (
        change
        for type_, payment in zip(TYPES, itertools.cycle(payments), strict=False)
        for change in every_change(about(payment, type_, f"ch_{next(numbers)}", f"evt_{next(numbers)}"))
    )
    for changed in some_of(effort, changes, each=67):
        assert_kept(client, json.dumps(changed).encode())
    try_out(effort, lambda body: assert_kept(client, body), body=written(events(payments)))
    check_invariants()
    assert answer_to(event_about(spared)) == "processed"
