"""The chart of accounts."""

RECEIVABLE = "receivable"
REVENUE = "revenue"
TAX_PAYABLE = "tax_payable"
UNAPPLIED = "unapplied"
BANK = "bank"
REFUNDS = "refunds"
DISPUTED_FUNDS = "disputed_funds"
DISPUTE_LOSSES = "dispute_losses"
FEES = "fees"
CREDITS = "credits"
CUSTOMER_CREDIT = "customer_credit"


def clearing(provider: str) -> str:
    """What a provider holds for us until it pays out."""
    return f"clearing:{provider}"
