"""Every write to accounts, keys, plans, subscriptions and usage."""

from billing.services.accounts import RegistrationRefused, register, rename
from billing.services.api_keys import (
    ApiKeyAlreadyRevoked,
    ApiKeyNotFound,
    CreatedApiKey,
    InvalidApiKey,
    create_api_key,
    hash_secret,
    record_use,
    revoke_api_key,
)
from billing.services.mail import forget_mail, send_mail, sweep_mail
from billing.services.passwords import (
    InvalidResetToken,
    WeakPassword,
    WrongPassword,
    change_password,
    request_password_reset,
    reset_password,
)
from billing.services.sessions import (
    SessionAlreadyEnded,
    SessionNotFound,
    forget_sessions,
    refresh_session,
    revoke_session,
    sign_in,
    sign_out,
)

__all__ = [
    "ApiKeyAlreadyRevoked",
    "ApiKeyNotFound",
    "CreatedApiKey",
    "InvalidApiKey",
    "InvalidResetToken",
    "RegistrationRefused",
    "SessionAlreadyEnded",
    "SessionNotFound",
    "WeakPassword",
    "WrongPassword",
    "change_password",
    "create_api_key",
    "forget_mail",
    "forget_sessions",
    "hash_secret",
    "record_use",
    "refresh_session",
    "register",
    "rename",
    "request_password_reset",
    "reset_password",
    "revoke_api_key",
    "revoke_session",
    "send_mail",
    "sign_in",
    "sign_out",
    "sweep_mail",
]
