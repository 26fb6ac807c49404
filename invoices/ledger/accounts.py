"""The chart of accounts."""

RECEIVABLE = "receivable"
REVENUE = "revenue"
UNAPPLIED = "unapplied"
BANK = "bank"


def clearing(provider: str) -> str:
    """What a provider holds for us until it pays out."""
    return f"clearing:{provider}"
