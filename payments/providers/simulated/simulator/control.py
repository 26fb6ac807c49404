"""The control API: what the provider's staff, cardholders' banks and chance would do, on demand."""

import dataclasses
from typing import Literal, cast

from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.dials import InvalidDial
from payments.providers.simulated.simulator.messages import (
    MAX_PAGE,
    Answer,
    Fields,
    Request,
    invalid,
    missing,
    number_of,
)


def health(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    return Answer(200, {"status": "ok", "account": core.account, "webhooks_unfinished": core.webhooks.unfinished()})


def get_dials(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    return Answer(200, dataclasses.asdict(core.dials))


def set_dials(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    """Those that are named change, the others stay."""
    try:
        core.dials = core.dials.changed(Fields(request).rest())
    except InvalidDial as problem:
        raise invalid("dial_invalid", str(problem)) from problem
    return get_dials(core, request, now=now)


def list_charges(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    """A page of charges as they truly are, and how many of all charges each reference has."""
    after = number_of(request, "cursor", default=0)
    charges = core.charges(reference=request.query.get("reference"), after=after, limit=MAX_PAGE)
    return Answer(
        200,
        {
            "data": [charge.shown(account=core.account) for charge in charges],
            "next_cursor": str(charges[-1].n) if len(charges) == MAX_PAGE else None,
            "per_reference": core.charges_per_reference(),
        },
    )


def settle_charge(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    charge = core.settle_charge(id, failure_code=_failure_code(request, default="generic_decline"), now=now)
    return Answer(200, charge.shown(account=core.account))


def settle_refund(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    refund = core.settle_refund(id, failure_code=_failure_code(request, default="expired_or_canceled_card"), now=now)
    return Answer(200, refund.shown(account=core.account))


def _failure_code(request: Request, *, default: str) -> str:
    """Empty for {"outcome": "succeeded"}."""
    fields = Fields(request)
    outcome = fields.one_of("outcome", "succeeded", "failed")
    code = fields.text("failure_code", default=default, max_length=100) if outcome == "failed" else ""
    fields.finish()
    return code or ("" if outcome == "succeeded" else default)


def refund_charge(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    fields = Fields(request)
    amount = fields.optional_amount()
    fields.finish()
    return Answer(200, core.refund_at_dashboard(id, amount=amount, now=now).shown(account=core.account))


def dispute_charge(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    fields = Fields(request)
    amount, reason = fields.optional_amount(), fields.text("reason", default="fraudulent", max_length=100)
    fields.finish()
    return Answer(200, core.open_dispute(id, amount=amount, reason=reason, now=now).shown(account=core.account))


def close_dispute(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    fields = Fields(request)
    outcome = cast(Literal["won", "lost"], fields.one_of("outcome", "won", "lost"))
    fields.finish()
    return Answer(200, core.close_dispute(id, outcome=outcome, now=now).shown(account=core.account))


def pay_out(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    """{"currency": "EUR"} pays the balance out; with an amount, that much of it."""
    fields = Fields(request)
    amount, currency = fields.optional_amount(), fields.currency()
    fields.finish()
    return Answer(200, core.pay_out(currency=currency, amount=amount, now=now).shown())


def list_webhooks(core: SimulatorCore, request: Request, *, now: float) -> Answer:
    """Every copy of every event with its deliveries, a page at a time."""
    copies = core.webhooks.shown(after=number_of(request, "cursor", default=0), limit=MAX_PAGE)
    next_cursor = str(copies[-1]["number"]) if len(copies) == MAX_PAGE else None
    return Answer(200, {"data": copies, "next_cursor": next_cursor})


def resend_webhook(core: SimulatorCore, request: Request, *, id: str, now: float) -> Answer:
    fields = Fields(request)
    copies = fields.count("copies", default=1, upper=100)
    fields.finish()
    if not core.webhooks.resend(id, copies=copies, now=now):
        raise missing("There is no such event.")
    return Answer(200, {"id": id, "copies": copies})
