"""What every adapter must do, as far as its Subject can."""

import datetime

import pytest

from payments.providers.base import (
    BadSignature,
    Canceled,
    ChargeRequest,
    Declined,
    MalformedEvent,
    MethodDetails,
    NotFound,
    Pending,
    RefundRequest,
    Succeeded,
    Unknown,
)
from payments.tests.providers.subjects import Subject, able, every, unable

NOW = datetime.datetime.now(tz=datetime.UTC)
DAY = datetime.timedelta(days=1)


def request(
    payment_method: str, *, payment_id: str = "pay_1", amount: int = 1250, currency: str = "EUR"
) -> ChargeRequest:
    return ChargeRequest(payment_id, amount, currency, payment_method)


@every
def test_an_adapter_declares_itself(subject: Subject) -> None:
    """Name, account and window are set, and only a provider that settles itself has a window."""
    with subject.opened() as provider:
        assert provider.name
        assert provider.account
        assert (provider.idempotency_window_seconds > 0) == provider.settles_itself
        assert provider.settles_itself == bool(subject.succeeding)
        assert 0 < len(provider.failure_codes) < 100


@able("succeeding")
@pytest.mark.parametrize(
    ("amount", "currency"), [(1250, "EUR"), (1250, "JPY"), (1250, "KWD"), (1, "USD"), (10**11, "EUR")]
)
def test_a_charge_takes_what_was_asked(subject: Subject, amount: int, currency: str) -> None:
    """In minor units, whatever the currency."""
    with subject.opened() as provider:
        outcome = provider.charge(request(subject.succeeding, amount=amount, currency=currency))
        assert isinstance(outcome, Succeeded)
        assert outcome.reference
        assert (outcome.amount, outcome.currency, outcome.account) == (amount, currency, provider.account)


@able("succeeding")
def test_a_charge_made_again_is_the_same_charge(subject: Subject) -> None:
    """The payment's id is the key: the provider's books show one line."""
    with subject.opened() as provider:
        outcomes = {provider.charge(request(subject.succeeding)) for _ in range(3)}
        assert len(outcomes) == 1
        assert len(list(provider.list(since=NOW - DAY, until=NOW + DAY))) == 1


@able("succeeding")
def test_another_charge_under_the_same_id_is_unknown(subject: Subject) -> None:
    """Neither a success nor a decline: the first charge stands."""
    with subject.opened() as provider:
        provider.charge(request(subject.succeeding))
        assert isinstance(provider.charge(request(subject.succeeding, amount=1)), Unknown)


@able("declined_for_now")
def test_a_soft_decline_is_retryable(subject: Subject) -> None:
    """The same on every repetition and when it is looked up."""
    with subject.opened() as provider:
        outcome = provider.charge(request(subject.declined_for_now))
        assert isinstance(outcome, Declined)
        assert outcome.retryable
        assert outcome.message
        again = provider.charge(request(subject.declined_for_now))
        found = provider.retrieve(payment_id="pay_1", provider_reference=outcome.reference)
        assert again == outcome
        assert isinstance(found, Declined)
        assert (found.code, found.retryable, found.reference) == (outcome.code, True, outcome.reference)


@able("declined_for_good")
def test_a_hard_decline_is_not_retryable(subject: Subject) -> None:
    """Nobody charges a stolen card twice."""
    with subject.opened() as provider:
        outcome = provider.charge(request(subject.declined_for_good))
        assert isinstance(outcome, Declined)
        assert not outcome.retryable


@every
def test_a_pending_charge_is_pending_and_can_be_canceled(subject: Subject) -> None:
    """Pending when made, when made again and when looked up; canceled once, and again."""
    with subject.opened() as provider:
        outcome = provider.charge(request(subject.pending))
        assert isinstance(outcome, Pending)
        assert provider.charge(request(subject.pending)) == outcome
        assert provider.retrieve(payment_id="pay_1", provider_reference=outcome.reference) == outcome
        for _ in range(2):
            canceled = provider.cancel(payment_id="pay_1", provider_reference=outcome.reference)
            assert canceled == Canceled(outcome.reference)


@able("succeeding")
def test_a_pending_charge_is_canceled_by_our_reference(subject: Subject) -> None:
    """Its provider reference may never have been learned."""
    with subject.opened() as provider:
        provider.charge(request(subject.pending))
        assert isinstance(provider.cancel(payment_id="pay_1", provider_reference=""), Canceled)


@able("succeeding")
def test_canceling_what_has_succeeded_says_so(subject: Subject) -> None:
    """The money is not lost sight of."""
    with subject.opened() as provider:
        outcome = provider.charge(request(subject.succeeding))
        assert provider.cancel(payment_id="pay_1", provider_reference="") == outcome


@able("answer_lost")
def test_a_lost_answer_is_unknown_and_found_by_our_reference(subject: Subject) -> None:
    """Timeout, look up, charge again: one charge."""
    with subject.opened() as provider:
        assert isinstance(provider.charge(request(subject.answer_lost)), Unknown)
        found = provider.retrieve(payment_id="pay_1", provider_reference="")
        assert isinstance(found, Succeeded)
        assert provider.charge(request(subject.answer_lost)) == found
        assert provider.retrieve(payment_id="pay_1", provider_reference=found.reference) == found
        assert len(list(provider.list(since=NOW - DAY, until=NOW + DAY))) == 1


@able("succeeding")
@pytest.mark.parametrize("provider_reference", ["", "ch_nobody"])
def test_what_the_provider_has_never_seen_is_not_found(subject: Subject, provider_reference: str) -> None:
    """Not found is an outcome of its own, for every question."""
    with subject.opened() as provider:
        assert provider.retrieve(payment_id="pay_9", provider_reference=provider_reference) == NotFound()
        assert provider.retrieve_refund(refund_id="re_9", provider_reference=provider_reference) == NotFound()
        assert provider.cancel(payment_id="pay_9", provider_reference=provider_reference) == NotFound()
        if provider_reference:
            assert provider.refund(RefundRequest("re_9", provider_reference, 1, "EUR")) == NotFound()


@able("succeeding")
def test_the_charge_of_another_payment_is_unknown(subject: Subject) -> None:
    """A provider reference that leads to a charge with another reference than ours proves nothing."""
    with subject.opened() as provider:
        outcome = provider.charge(request(subject.succeeding, payment_id="pay_1"))
        assert isinstance(outcome, Succeeded)
        assert isinstance(provider.retrieve(payment_id="pay_2", provider_reference=outcome.reference), Unknown)


@able("succeeding")
@pytest.mark.parametrize("token", ["succeeding", "declined_for_now", "declined_for_good", "pending", "answer_lost"])
def test_a_token_is_described_without_being_charged(subject: Subject, token: str) -> None:
    """Also of a card that will be declined: brand, last four digits, expiry."""
    with subject.opened() as provider:
        details = provider.inspect_method(getattr(subject, token))
        assert isinstance(details, MethodDetails)
        assert details.brand
        assert len(details.last4) == 4
        assert details.last4.isdigit()
        assert 1 <= details.exp_month <= 12
        assert details.exp_year >= 2000
        assert provider.inspect_method(getattr(subject, token)) == details
        assert list(provider.list(since=NOW - DAY, until=NOW + DAY)) == []


@every
@pytest.mark.parametrize("token", ["tok_nobody", "", "a/b", "..", "../charges", "é", "x" * 500])
def test_a_token_that_nobody_issued_is_not_found(subject: Subject, token: str) -> None:
    """Whatever its form; where people settle there are none at all."""
    with subject.opened() as provider:
        assert provider.inspect_method(token) == NotFound()


@able("succeeding")
def test_partial_refunds_are_made_once_each(subject: Subject) -> None:
    """Two equal refunds are two, one repeated is one, one too many is declined for good."""
    with subject.opened() as provider:
        charge = provider.charge(request(subject.succeeding))
        assert isinstance(charge, Succeeded)
        refunds = [provider.refund(RefundRequest(id, charge.reference, 600, "EUR")) for id in ("re_1", "re_2", "re_1")]
        assert all(isinstance(refund, Succeeded) and refund.amount == 600 for refund in refunds)
        assert refunds[0] == refunds[2] != refunds[1]
        beyond = provider.refund(RefundRequest("re_3", charge.reference, 51, "EUR"))
        assert isinstance(beyond, Declined)
        assert not beyond.retryable
        lines = list(provider.list(since=NOW - DAY, until=NOW + DAY))
        assert [(line.kind, line.our_reference, line.amount) for line in lines] == [
            ("charge", "pay_1", 1250),
            ("refund", "re_1", -600),
            ("refund", "re_2", -600),
        ]
        assert {line.charge_reference for line in lines} == {charge.reference}


@able("succeeding")
def test_a_refund_is_found_by_either_reference(subject: Subject) -> None:
    """What `refund` said is what a look-up says."""
    with subject.opened() as provider:
        charge = provider.charge(request(subject.succeeding))
        assert isinstance(charge, Succeeded)
        refund = provider.refund(RefundRequest("re_1", charge.reference, 600, "EUR"))
        assert isinstance(refund, Succeeded)
        for reference in ("", refund.reference):
            assert provider.retrieve_refund(refund_id="re_1", provider_reference=reference) == refund


@able("succeeding")
def test_the_books_are_listed_to_the_end(subject: Subject) -> None:
    """Over many pages, oldest first, and nothing outside the asked time."""
    with subject.opened() as provider:
        for n in range(205):
            provider.charge(request(subject.succeeding, payment_id=f"pay_{n}"))
        lines = list(provider.list(since=NOW - DAY, until=NOW + DAY))
        assert [line.our_reference for line in lines] == [f"pay_{n}" for n in range(205)]
        assert list(provider.list(since=NOW - 2 * DAY, until=NOW - DAY)) == []


@unable("succeeding")
def test_a_manual_provider_has_no_books(subject: Subject) -> None:
    """Nothing is asked of anybody: every question is answered with pending."""
    with subject.opened() as provider:
        assert list(provider.list(since=NOW - DAY, until=NOW + DAY)) == []
        assert provider.refund(RefundRequest("re_1", "", 1, "EUR")) == Pending()
        assert provider.retrieve(payment_id="pay_9", provider_reference="") == Pending()
        assert provider.retrieve_refund(refund_id="re_9", provider_reference="") == Pending()


@able("webhook")
def test_a_webhook_is_verified_and_read(subject: Subject) -> None:
    """Signed now it is accepted; parsed it speaks of our payment."""
    assert subject.webhook is not None
    with subject.opened() as provider:
        body, headers = subject.webhook(NOW)
        provider.verify_webhook(body=body, headers=headers, now=NOW)
        event = provider.parse_event(body)
        assert (event.our_reference, event.account) == ("pay_1", provider.account)
        assert isinstance(event.outcome, Succeeded)


@every
def test_an_unsigned_webhook_is_refused(subject: Subject) -> None:
    """Whatever its body."""
    with subject.opened() as provider, pytest.raises(BadSignature):
        provider.verify_webhook(body=b"{}", headers={}, now=NOW)


@every
@pytest.mark.parametrize("body", [b"", b"null", b"{}", b"\xff"])
def test_a_body_that_is_no_event_is_malformed(subject: Subject, body: bytes) -> None:
    """Even if it was signed."""
    with subject.opened() as provider, pytest.raises(MalformedEvent):
        provider.parse_event(body)
