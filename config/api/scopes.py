"""Every scope an API key can carry: the one list that authentication, permissions and commands share."""

SCOPES: dict[str, str] = {
    "customers:read": "See customers.",
    "customers:write": "Create and change customers.",
    "invoices:read": "See invoices and their events.",
    "invoices:write": "Create and void invoices.",
    "payments:read": "See payments.",
    "payments:write": "Start, confirm, fail, cancel, refund and resolve payments.",
    "refunds:read": "See refunds.",
    "receipts:read": "See receipts: money that arrived.",
    "receipts:write": "Decide what becomes of money that pays nothing.",
    "disputes:read": "See disputes.",
}
