"""Every scope an API key can carry: the one list that authentication, permissions and commands share."""

SCOPES: dict[str, str] = {
    "customers:read": "See customers.",
    "customers:write": "Create and change customers.",
    "invoices:read": "See invoices and their events.",
    "invoices:write": "Create and void invoices.",
    "payments:read": "See payments.",
    "payments:write": "Start, confirm, fail and cancel payments.",
    "payment_methods:read": "See what customers pay with: brands, last digits and expiry, never the token.",
    "payment_methods:write": "Attach and detach payment methods, and say which is a customer's default.",
    "refunds:read": "See refunds.",
    "refunds:write": "Give back what payments have paid; confirm and fail refunds.",
    "receipts:read": "See receipts: money that arrived.",
    "receipts:write": "End reviews, and decide what becomes of money that pays nothing.",
    "disputes:read": "See disputes.",
    "events:read": "See everything that has happened.",
    "webhook_endpoints:read": "See webhook endpoints and what was sent to them.",
    "webhook_endpoints:write": "Create, change, pause, test and delete webhook endpoints; send again.",
}
