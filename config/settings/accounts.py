"""People who sign in: tokens, limits on tries, mail. Times are seconds, of wall time."""

import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from config.settings.env import env

JWT_KEYS = [env.jwt_signing_key, *env.jwt_old_signing_keys]
"""The first one signs; the tokens of all of them are good."""
SIMPLE_JWT: dict[str, Any] = {
    "SIGNING_KEY": env.jwt_signing_key,
    "ALGORITHM": "HS256",
    "AUDIENCE": "quittance.api",
    "ISSUER": "quittance",
    "USER_ID_CLAIM": "sub",
    "ACCESS_TOKEN_LIFETIME": datetime.timedelta(seconds=env.jwt_access_seconds),
    "REFRESH_TOKEN_LIFETIME": datetime.timedelta(seconds=env.jwt_refresh_seconds),
}
REFRESH_GRACE_SECONDS = 10
"""How long the token before the latest refresh gets the same answer again: two tabs may refresh at once."""
FORGET_SESSIONS_AFTER_DAYS = 30
"""After their end sessions, and mail, are kept for so long."""

SIGN_IN_WINDOW_SECONDS = 15 * 60
"""Failed sign-ins are counted in windows of this length; a new one starts at zero."""
SIGN_IN_LIMITS = {"account_and_address": 5, "address": 50, "account": 100}
"""Failures in one window: of one address at one account, of one address, at one account. The first is what a person
meets; the last is high, so that a stranger who knows an account's name needs twenty networks to keep its owner out."""
ACCOUNT_WINDOW_SECONDS = 60 * 60
ACCOUNT_LIMITS: dict[str, dict[str, int]] = {
    "register": {"account": 5, "address": 100},
    "reset": {"account": 5, "address": 100},
    "confirm_reset": {"account": 10, "address": 100},
    "refresh": {"account": 240, "address": 10_000},
}
"""What may be asked in one window, right or wrong: about one account (a refresh: in one session), of one address."""

PASSWORD_RESET_TIMEOUT = 60 * 60
PASSWORD_RESET_URL = env.password_reset_url

_mail = urlsplit(env.email_url)
EMAIL_BACKEND = f"django.core.mail.backends.{'filebased' if _mail.scheme == 'file' else 'smtp'}.EmailBackend"
EMAIL_FILE_PATH = _mail.path or str(env.data_dir / "mail")
EMAIL_HOST = _mail.hostname or ""
EMAIL_PORT = _mail.port or {"smtps": 465, "smtp": 587}.get(_mail.scheme, 25)
EMAIL_HOST_USER = unquote(_mail.username or "")
EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
EMAIL_USE_TLS = _mail.scheme == "smtp"
EMAIL_USE_SSL = _mail.scheme == "smtps"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.email_from
MAIL_LEASE_SECONDS = 60
"""How long one try may take before its worker is held for dead."""
MAIL_SCHEDULE_SECONDS = [10, 60, 300, 900, 1800]
"""When a mail that could not be handed over is tried again; after the last one it is given up."""
