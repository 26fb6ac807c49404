"""A provider's own books, read, kept and compared with ours; what can safely be mended is mended.

`reconciling` goes through the books in small batches, `keeping` stores each line once and books fees and payouts,
`comparing` finds what differs, `mending` goes through the same locked steps as webhooks, `differences` remembers.
"""

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
    "NoBooks",
    "SettlementInterrupted",
    "SettlementReport",
    "WindowInvalid",
    "recent_window",
    "reconcile_recent_settlement",
    "reconcile_settlement",
]
