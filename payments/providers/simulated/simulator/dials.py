"""How badly the simulator behaves on the whole, beside what single tokens ask for."""

import dataclasses
from collections.abc import Mapping
from typing import Any

DAY = 86_400
_UPPER_BOUNDS = {"evidence_seconds": 365 * DAY, "delay_seconds": 3 * DAY}
"""Of dials that go further than others of their kind."""


class InvalidDial(ValueError):
    """The dial does not exist or the value is out of its range."""


@dataclasses.dataclass(frozen=True)
class Dials:
    """Probabilities run from 0 to 1; times are seconds."""

    duplicate: float = 0.0
    """Probability that a webhook is sent `duplicate_copies` more times."""
    duplicate_copies: int = 1
    reorder: float = 0.0
    """Probability that a webhook changes places with the one about the same charge that waits before it; if none does,
    it is held back a second, so that the next one overtakes it."""
    delay_seconds: float = 0.0
    """How long each webhook waits before it is sent."""
    drop: float = 0.0
    """Probability that a webhook is never sent, until it is resent by hand."""
    timeout_before: float = 0.0
    """Probability that a charge or refund request hangs before anything has happened."""
    timeout_after: float = 0.0
    """Probability that a charge or refund is made and its answer lost."""
    settle_seconds: float = 0.5
    """How long charges and refunds that settle later take."""
    hang_seconds: float = 30.0
    """How long a lost answer keeps its connection open before it is closed."""
    evidence_seconds: float = 7.0 * DAY
    """How long after a dispute was opened evidence is taken."""
    fee_per_mille: int = 0
    """What of each succeeded charge is booked as a fee, rounded down."""
    fee_fixed: int = 0
    """Minor units booked as a fee for each succeeded charge, beside the share."""

    def fee_of(self, amount: int) -> int:
        """The fee of a charge over `amount`, minor units."""
        return amount * self.fee_per_mille // 1000 + self.fee_fixed

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))

    def changed(self, changes: Mapping[str, Any]) -> "Dials":
        """A copy with `changes`; raises InvalidDial."""
        known = {field.name for field in dataclasses.fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise InvalidDial(f"There is no dial {unknown[0]!r}; there are {', '.join(sorted(known))}.")
        return dataclasses.replace(self, **changes)


def _check(field: "dataclasses.Field[Any]", value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int if field.type is int else (int, float)):
        raise InvalidDial(f"{field.name} must be a number.")
    upper = _upper_bound(field)
    if not 0 <= value <= upper:
        raise InvalidDial(f"{field.name} must be between 0 and {upper}.")


def _upper_bound(field: "dataclasses.Field[Any]") -> int:
    if field.name in _UPPER_BOUNDS:
        return _UPPER_BOUNDS[field.name]
    if field.name.endswith("_seconds"):
        return DAY
    return 100 if field.type is int else 1
