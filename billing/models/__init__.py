"""Accounts, and why somebody owes."""

from billing.models.accounts import ApiKey, EmailAddressField, User, UserManager

__all__ = ["ApiKey", "EmailAddressField", "User", "UserManager"]
