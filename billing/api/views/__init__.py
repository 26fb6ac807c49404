"""Accounts over HTTP: parse, one service call, translate."""

from billing.api.views.accounts import Login, Logout, Me, Refresh, Register
from billing.api.views.passwords import PasswordChange, PasswordReset, PasswordResetConfirm

__all__ = [
    "Login",
    "Logout",
    "Me",
    "PasswordChange",
    "PasswordReset",
    "PasswordResetConfirm",
    "Refresh",
    "Register",
]
