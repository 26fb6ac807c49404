"""The back office: Unfold's looks and navigation, and where its first page and its timelines get their contents."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

CSRF_FAILURE_VIEW = "config.admin.problem_pages.csrf_failure"

ADMIN_TIMELINE_SOURCES = {
    "payments.admin.timeline_payments": "payments.view_payment",
    "payments.admin.timeline_receipts": "payments.view_receipt",
    "payments.admin.timeline_refunds": "payments.view_refund",
    "payments.admin.timeline_disputes": "payments.view_dispute",
    "webhooks.inbound.admin.timeline_provider_events": "inbound.view_providerevent",
    "outbox.admin.timeline_events": "outbox.view_outboxevent",
    "invoices.admin.timeline_journals": "invoices.view_journal",
    "invoices.admin.timeline_next_attempt": "invoices.view_invoice",
}
"""Source → the permission to see what it shows. A source is called as `source(subject, window)`."""

ADMIN_ATTENTION = {
    "payments.admin.attention_payments": "payments.view_payment",
    "payments.admin.attention_receipts": "payments.view_receipt",
    "payments.admin.attention_refunds": "payments.view_refund",
    "payments.admin.attention_disputes": "payments.view_dispute",
    "payments.admin.attention_settlement": "payments.view_difference",
    "webhooks.inbound.admin.attention": "inbound.view_providerevent",
    "outbox.admin.attention": "outbox.view_heldevent",
    "webhooks.outbound.admin.attention_deliveries": "outbound.view_delivery",
    "webhooks.outbound.admin.attention_endpoints": "outbound.view_endpoint",
    "invoices.admin.attention": "invoices.view_invoice",
    "billing.admin.attention_subscriptions": "billing.view_subscription",
}
"""Whoever has tiles on the first page → the permission to see them."""


def _page(title: Any, icon: str, app: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "active": lambda request: f"/{app}/{model}/" in request.path and "trial-balance" not in request.path,
        "permission": lambda request: request.user.has_perm(f"{app}.view_{model}"),
    }


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Quittance",
    "SITE_HEADER": "Quittance",
    "SITE_SUBHEADER": _("Back office · times are UTC"),
    "SITE_SYMBOL": "receipt_long",
    "SITE_URL": None,
    "SHOW_HISTORY": False,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "6px",
    "DASHBOARD_CALLBACK": "config.admin.dashboard.fill",
    "STYLES": [lambda request: static("admin/quittance.css")],
    "COLORS": {
        "primary": {
            "50": "oklch(97.0% .014 254.6)",
            "100": "oklch(93.2% .032 255.6)",
            "200": "oklch(88.2% .059 254.1)",
            "300": "oklch(80.9% .105 251.8)",
            "400": "oklch(70.7% .165 254.6)",
            "500": "oklch(62.3% .214 259.8)",
            "600": "oklch(54.6% .245 262.9)",
            "700": "oklch(48.8% .243 264.4)",
            "800": "oklch(42.4% .199 265.6)",
            "900": "oklch(37.9% .146 265.5)",
            "950": "oklch(28.2% .091 267.9)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {"items": [{"title": _("What needs attention"), "icon": "home", "link": reverse_lazy("admin:index")}]},
            {
                "title": _("Money"),
                "items": [
                    _page(_("Invoices"), "receipt_long", "invoices", "invoice"),
                    _page(_("Payments"), "credit_card", "payments", "payment"),
                    _page(_("Receipts"), "savings", "payments", "receipt"),
                    _page(_("Refunds"), "undo", "payments", "refund"),
                    _page(_("Disputes"), "gavel", "payments", "dispute"),
                    _page(_("Payment methods"), "wallet", "payments", "paymentmethod"),
                    _page(_("Customers"), "group", "invoices", "customer"),
                    _page(_("Invoice lines"), "list", "invoices", "invoiceline"),
                    _page(_("Credit entries"), "redeem", "invoices", "creditentry"),
                ],
            },
            {
                "title": _("Subscriptions"),
                "items": [
                    _page(_("Subscriptions"), "autorenew", "billing", "subscription"),
                    _page(_("Plans"), "sell", "billing", "plan"),
                    _page(_("Usage"), "speed", "billing", "usagecounter"),
                    _page(_("Uses"), "timeline", "billing", "usagerecord"),
                ],
            },
            {
                "title": _("Books"),
                "items": [
                    {
                        "title": _("Trial balance"),
                        "icon": "balance",
                        "link": reverse_lazy("admin:invoices_entry_trial_balance"),
                        "permission": lambda request: request.user.has_perm("invoices.view_entry"),
                    },
                    _page(_("Journals"), "menu_book", "invoices", "journal"),
                    _page(_("Entries"), "format_list_numbered", "invoices", "entry"),
                    _page(_("Differences"), "difference", "payments", "difference"),
                    _page(_("Provider's lines"), "list_alt", "payments", "settlementline"),
                    _page(_("Settlement runs"), "event_repeat", "payments", "settlementrun"),
                ],
            },
            {
                "title": _("Messages"),
                "items": [
                    _page(_("Provider events"), "move_to_inbox", "inbound", "providerevent"),
                    _page(_("Replays"), "replay", "inbound", "replay"),
                    _page(_("Events"), "outbox", "outbox", "outboxevent"),
                    _page(_("Held events"), "front_hand", "outbox", "heldevent"),
                    _page(_("Cursors"), "sync_alt", "outbox", "cursor"),
                    _page(_("Webhook endpoints"), "webhook", "outbound", "endpoint"),
                    _page(_("Deliveries"), "send", "outbound", "delivery"),
                    _page(_("Archived events"), "inventory_2", "outbox", "archivedevent"),
                    _page(_("Archived deliveries"), "inventory_2", "outbound", "archiveddelivery"),
                ],
            },
            {
                "title": _("Access"),
                "items": [
                    _page(_("Users"), "person", "billing", "user"),
                    _page(_("Sessions"), "devices", "billing", "session"),
                    _page(_("Groups"), "groups", "auth", "group"),
                    _page(_("API keys"), "key", "billing", "apikey"),
                ],
            },
        ],
    },
}
