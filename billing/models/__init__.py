"""Accounts, and why somebody owes."""

from billing.models.accounts import ApiKey, EmailAddressField, User, UserManager
from billing.models.sessions import Mail, MailKind, Session, SessionQuerySet

__all__ = ["ApiKey", "EmailAddressField", "Mail", "MailKind", "Session", "SessionQuerySet", "User", "UserManager"]
