"""What the simulator answers to a merchant, and the table of all its addresses."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from payments.providers.simulated.declines import message_of
from payments.providers.simulated.simulator import control, tokens
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.messages import (
    MAX_PAGE,
    Answer,
    Fields,
    LostAnswer,
    Refused,
    Request,
    error,
    invalid,
    key_of,
    missing,
    number_of,
)
from payments.providers.simulated.simulator.objects import Charge, NewCharge, NewRefund

Handler = Callable[..., Answer]

GARBAGE = b"<html><body>Congratulations! \xff\xfe You are visitor number 1,000,000"


def answer(core: SimulatorCore, request: Request, *, now: float) -> Answer | None:
    """None when the caller is to get no answer at all. `now` is Unix seconds."""
    try:
        handler, arguments = _find(request)
        return handler(core, request, now=now, **arguments)
    except Refused as refusal:
        return error(refusal.status, refusal.type, refusal.code, refusal.message)
    except LostAnswer as lost:
        return _instead_of_an_answer(lost)


def _instead_of_an_answer(lost: LostAnswer) -> Answer | None:
    if lost.accident == "hang":
        return None
    if lost.accident == "garbage":
        return Answer(200, GARBAGE)
    return error(500, "api_error", "internal_error", "Something went wrong here.")


def _find(request: Request) -> tuple[Handler, dict[str, str]]:
    found = [(method, shape.fullmatch(request.path), handler) for method, shape, handler in ROUTES]
    matches = [(method, match, handler) for method, match, handler in found if match]
    for method, match, handler in matches:
        if method == request.method:
            return handler, match.groupdict()
    if matches:
        allowed = ", ".join(method for method, _, _ in matches)
        raise Refused(405, "invalid_request_error", "method_not_allowed", f"This address takes {allowed}.")
    raise Refused(404, "invalid_request_error", "unknown_address", "There is nothing at this address.")


def create_charge(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    key = key_of(request)
    fields = Fields(request)
    new = NewCharge(
        amount=fields.amount(),
        currency=fields.currency(),
        payment_method=fields.text("payment_method"),
        reference=fields.text("reference"),
        description=fields.free_text("description", max_length=1000),
    )
    fields.finish()
    if tokens.looks_like_card(new.payment_method):
        raise invalid("card_number_sent", "Send a token from /v1/tokens as payment_method, never a card number.")
    return _charge_answer(core, core.charge(new, key=key, now=now))


def _charge_answer(core: SimulatorCore, charge: Charge) -> Answer:
    shown = core.shown_charge(charge)
    if charge.status == "failed":
        return error(402, "card_error", charge.failure_code, message_of(charge.failure_code), charge=shown)
    return Answer(200, shown)


def get_charge(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    return Answer(200, core.shown_charge(core.find_charge(id)))


def list_charges(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    after, limit = _page_of(request)
    found = core.charges(reference=request.query.get("reference"), after=after, limit=limit + 1)
    return page([(charge.n, core.shown_charge(charge)) for charge in found], limit)


def cancel_charge(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    Fields(request).finish()
    return Answer(200, core.shown_charge(core.cancel(id, now=now)))


def create_refund(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    key = key_of(request)
    fields = Fields(request)
    new = NewRefund(
        charge=fields.text("charge"),
        reference=fields.text("reference"),
        amount=fields.optional_amount(),
        currency=fields.currency(default=""),
    )
    fields.finish()
    return Answer(200, core.refund(new, key=key, now=now).shown(account=core.account))


def get_refund(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    return Answer(200, core.find_refund(id).shown(account=core.account))


def list_refunds(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    after, limit = _page_of(request)
    found = core.refunds(reference=request.query.get("reference"), after=after, limit=limit + 1)
    return page([(refund.n, refund.shown(account=core.account)) for refund in found], limit)


def list_transactions(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    after, limit = _page_of(request)
    since, until = _instant(request, "since", default=0.0), _instant(request, "until", default=now)
    found = core.transactions(since=since, until=until, after=after, limit=limit + 1)
    return page([(each.n, each.shown()) for each in found], limit)


def create_token(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    """The one place that card numbers may be sent to; they are neither kept nor logged nor repeated."""
    fields = Fields(request)
    number = fields.part("card").get("number")
    fields.finish()
    token = tokens.token_of_card(number) if isinstance(number, str) else None
    if token is None:
        raise invalid("unknown_test_card", "card.number must be one of the published test card numbers.")
    return Answer(200, {"object": "token", "id": token})


def get_payment_method(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    card = tokens.card_of(id)
    if card is None:
        raise missing("There is no such payment method.")
    shown = {"object": "payment_method", "id": id, "account": core.account, "card": dataclasses.asdict(card)}
    return Answer(200, shown)


def page(numbered: list[tuple[int, dict[str, Any]]], limit: int) -> Answer:
    """Of `limit` + 1 numbered objects, the first `limit`, and where to go on."""
    shown = numbered[:limit]
    has_more = len(numbered) > limit
    next_cursor = str(shown[-1][0]) if has_more else None
    return Answer(200, {"data": [each for _, each in shown], "has_more": has_more, "next_cursor": next_cursor})


def _page_of(request: Request) -> tuple[int, int]:
    limit = number_of(request, "limit", default=MAX_PAGE, upper=MAX_PAGE)
    return number_of(request, "cursor", default=0), max(1, limit)


def _instant(request: Request, name: str, *, default: float) -> float:
    text = request.query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text):
        raise invalid("parameter_invalid", f"{name} must be Unix seconds.")
    return float(text)


def _route(method: str, path: str, handler: Handler) -> tuple[str, re.Pattern[str], Handler]:
    return method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9_-]{1,200})", path)), handler


ROUTES = [
    _route("POST", "/v1/charges", create_charge),
    _route("GET", "/v1/charges", list_charges),
    _route("GET", "/v1/charges/{id}", get_charge),
    _route("POST", "/v1/charges/{id}/cancel", cancel_charge),
    _route("POST", "/v1/refunds", create_refund),
    _route("GET", "/v1/refunds", list_refunds),
    _route("GET", "/v1/refunds/{id}", get_refund),
    _route("GET", "/v1/transactions", list_transactions),
    _route("POST", "/v1/tokens", create_token),
    _route("GET", "/v1/payment_methods/{id}", get_payment_method),
    _route("GET", "/control/health", control.health),
    _route("GET", "/control/dials", control.get_dials),
    _route("PUT", "/control/dials", control.set_dials),
    _route("GET", "/control/charges", control.list_charges),
    _route("POST", "/control/charges/{id}/settle", control.settle_charge),
    _route("POST", "/control/charges/{id}/refund", control.refund_charge),
    _route("POST", "/control/charges/{id}/dispute", control.dispute_charge),
    _route("POST", "/control/refunds/{id}/settle", control.settle_refund),
    _route("POST", "/control/disputes/{id}/close", control.close_dispute),
    _route("POST", "/control/payouts", control.pay_out),
    _route("GET", "/control/webhooks", control.list_webhooks),
    _route("POST", "/control/webhooks/{id}/resend", control.resend_webhook),
]
