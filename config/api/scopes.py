"""Every scope an API key can carry: the one list that authentication, permissions and commands share."""

SCOPES: dict[str, str] = {
    "customers:read": "See customers.",
    "customers:write": "Create and change customers.",
    "invoices:read": "See invoices and their events.",
    "invoices:write": "Create and void invoices.",
    "payments:read": "See payments.",
    "payments:write": "Start, confirm, fail and cancel payments.",
    "refunds:read": "See refunds.",
    "refunds:write": "Give back what payments have paid; confirm and fail refunds.",
    "receipts:read": "See receipts: money that arrived.",
    "receipts:write": "End reviews, and decide what becomes of money that pays nothing.",
    "disputes:read": "See disputes.",
    "plans:read": "See plans.",
    "plans:write": "Create, change and retire plans.",
    "subscriptions:read": "See subscriptions.",
    "subscriptions:write": "Create, change and cancel subscriptions.",
    "usage:read": "See what was used.",
    "usage:write": "Record what is used.",
    "events:read": "See everything that has happened.",
    "webhook_endpoints:read": "See webhook endpoints and what was sent to them.",
    "webhook_endpoints:write": "Create, change, pause, test and delete webhook endpoints; send again.",
}
