"""A provider's own books, read, kept and compared with ours; what can safely be mended is mended.

`reconciling` goes through the books in small batches, `keeping` stores each line once and books fees and payouts,
`comparing` finds what differs, `mending` goes through the same locked steps as webhooks, `differences` remembers; by
`closing` staff is done with one that it has settled at the provider.
"""

from payments.services.settlement.closing import (
    DifferenceNotFound,
    DifferenceResolved,
    check_closable,
    close_difference,
)
from payments.services.settlement.reconciling import (
    NoBooks,
    SettlementInterrupted,
    SettlementReport,
    WindowInvalid,
    recent_window,
    reconcile_recent_settlement,
    reconcile_settlement,
)

__all__ = [
    "DifferenceNotFound",
    "DifferenceResolved",
    "NoBooks",
    "SettlementInterrupted",
    "SettlementReport",
    "WindowInvalid",
    "check_closable",
    "close_difference",
    "recent_window",
    "reconcile_recent_settlement",
    "reconcile_settlement",
]
