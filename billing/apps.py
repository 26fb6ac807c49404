from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Accounts and credentials."""

    name = "billing"
