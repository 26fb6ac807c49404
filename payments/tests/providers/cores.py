"""A core's calls as its tests make them, all at one moment."""

from typing import Any

from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.objects import Charge, NewCharge, NewRefund

NOW = 1_800_000_000.0


DAY = 86_400


def charged(core: SimulatorCore, token: str = "tok_visa", *, key: str = "pay_1", **changes: Any) -> Charge:
    return core.charge(new_charge(token, key=key, **changes), key=key, now=NOW)


def new_charge(token: str = "tok_visa", *, key: str = "pay_1", amount: int = 1000, currency: str = "EUR") -> NewCharge:
    return NewCharge(amount=amount, currency=currency, payment_method=token, reference=key)


def refunded(core: SimulatorCore, charge: Charge, amount: int | None = None, *, key: str = "re_1") -> Any:
    return core.refund(NewRefund(charge=charge.id, reference=key, amount=amount), key=key, now=NOW)


def events(core: SimulatorCore) -> list[str]:
    return [copy["type"] for copy in core.webhooks.shown(after=0, limit=1000)]
