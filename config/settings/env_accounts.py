"""The environment's variables of people who sign in: how long that lasts, and how mail reaches them."""

import re
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

FILES = "file:"
SCHEMES = ("smtp", "smtps", "smtp+plain")


class AccountEnv(BaseSettings):
    """Accounts of customers."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    jwt_access_seconds: int = Field(default=15 * 60, ge=60, le=86_400)
    """How long an access token is good for."""
    jwt_refresh_seconds: int = Field(default=30 * 86_400, ge=3600, le=366 * 86_400)
    """How long somebody stays signed in who does not come back; each refresh starts it anew."""
    email_url: str = Field(default=FILES, repr=False)
    """Where mail is handed over: `smtp://user:password@host:587` (STARTTLS), `smtps://…:465`, or `smtp+plain://…:25`
    for a relay on a network of yours. Local: `file:/folder` writes it there, `file:` to `mail` under `DATA_DIR`."""
    email_from: str = "no-reply@localhost"
    """Whom mail is from."""
    password_reset_url: str = ""
    """The page of yours on which people choose a new password, `https://host/path`: `?token=…` is added. Empty: mail
    holds the token alone."""

    @field_validator("email_url")
    @classmethod
    def _is_a_mail_server(cls, value: str) -> str:
        if re.fullmatch(rf"{FILES}(/\S*)?", value):
            return value
        try:
            parts = urlsplit(value)
            is_known = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0 and not parts.query
        except ValueError:  # its text holds parts of the password
            is_known = False
        if not (is_known and re.fullmatch(r"[^\s#]+", value) and parts.path in ("", "/")):
            raise ValueError("set smtp://user:password@host:587, smtps://… or smtp+plain://…")
        return value

    @field_validator("password_reset_url")
    @classmethod
    def _is_a_page(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", value):
            raise ValueError("set https://host/path, without a query")
        return value
