"""What is to be issued, as plain values."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from invoices.services.retry_policy import RetryPolicy


@dataclasses.dataclass(frozen=True)
class Line:
    """`quantity` things at `unit_amount` minor units each, and `tax_amount` on top for all of them.

    One that charges for a service says from when until when (exclusive). One that `reverses` another, by its id, has a
    negative amount.
    """

    unit_amount: int
    quantity: int = 1
    description: str = ""
    tax_amount: int = 0
    starts_at: datetime.datetime | None = None
    ends_at: datetime.datetime | None = None
    reverses: str | None = None

    @property
    def amount(self) -> int:
        return self.quantity * self.unit_amount + self.tax_amount


@dataclasses.dataclass(frozen=True)
class NewInvoice:
    """What to issue. The amount is the sum of the lines, of which there is at least one.

    Without a `retry_policy` it gets that of the settings.
    """

    lines: Sequence[Line]
    currency: str
    customer_id: str | None = None
    number: str | None = None
    order_id: str | None = None
    description: str = ""
    due_on: datetime.date | None = None
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    retry_policy: RetryPolicy | None = None

    @property
    def amount(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def tax_amount(self) -> int:
        return sum(line.tax_amount for line in self.lines)
