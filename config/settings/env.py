"""Every environment variable Quittance reads, typed and checked before anything starts: docs/configuration.md.

`make run` writes those of the embedded run to `.local/env`. Production has rules of its own: `StrictEnv`.
"""

import difflib
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import dj_database_url
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from config.settings.env_accounts import AccountEnv
from config.settings.env_checks import MIN_SECRET_CHARACTERS, is_hard_to_guess, may_hold_files
from config.settings.env_publishers import PublisherEnv, redis_address

BASE_DIR = Path(__file__).resolve().parent.parent.parent
INSECURE_KEY = "insecure-and-for-local-use-only"
INSECURE_JWT_KEY = "insecure-jwt-key-and-for-local-use-only"
INSECURE_WEBHOOK_SECRET = "insecure-simulator-secret"
PRODUCTION = "config.settings.production"
PROVIDERS = ("simulated", "manual")
_IS_LOCAL = os.environ.get("DJANGO_SETTINGS_MODULE", "config.settings.local") == "config.settings.local"

Words = Annotated[list[str], NoDecode]
"""Written with commas between them."""


class Env(AccountEnv, PublisherEnv):
    """Names are upper case in the environment: SECRET_KEY, DATABASE_URL, … An empty value is the default."""

    model_config = SettingsConfigDict(
        env_file=BASE_DIR / ".local" / "env" if _IS_LOCAL else None,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )

    secret_key: str = Field(default=INSECURE_KEY, repr=False)
    """Signs sessions and everything else Django signs; changing it signs everybody out."""
    fingerprint_key: str = Field(default=INSECURE_KEY, repr=False)
    """Keys the fingerprints of idempotent requests; changing it makes every earlier key answer 409."""
    jwt_signing_key: str = Field(default=INSECURE_JWT_KEY, repr=False)
    """Signs the tokens of customers who have signed in."""
    jwt_old_signing_keys: Words = Field(default=[], repr=False)
    """Keys that signed before, with commas: their tokens are good until they expire. Rotate by moving the key here."""
    allowed_hosts: Words = []
    """Host names it answers to, with commas; `.example.com` is every name under it. Local: besides localhost."""
    database_url: str = Field(default=f"sqlite:///{BASE_DIR / '.local' / 'quittance.sqlite3'}", repr=False)
    """`mysql://user:password@host:3306/name` for MariaDB, or `sqlite:///path`. Characters like `@` and `/` in the
    password are written `%40` and `%2F`."""
    redis_url: str = Field(default="", repr=False)
    """Broker and cache, `redis://host:6379/0`. Empty: files and a cache per process, for one machine to try it out."""
    trust_proxy: bool = False
    """Whether a proxy in front sets (and strips from clients) `X-Forwarded-Proto`, adds to `X-Forwarded-For` whom it
    speaks for, and drops header names with underscores, which servers take for the same. Without one, any client could
    say its plain HTTP is HTTPS."""
    csrf_trusted_origins: Words = []
    """Further origins, `https://host`, whose pages may post to the admin."""
    hsts_include_subdomains: bool = True
    """Whether names under this host are HTTPS only as well."""
    providers: Words = [*PROVIDERS]
    """Payment providers that may be used, with commas. Production: `manual`, the only real one so far."""
    default_provider: str = ""
    """The one that takes payments which name none. Empty: the first of `PROVIDERS`."""
    data_dir: Path = BASE_DIR / ".local"
    """Files of a run without Redis, and numbers for /metrics unless `PROMETHEUS_MULTIPROC_DIR` says where."""
    log_format: Literal["", "line", "json"] = ""
    """`line` or `json`. Empty: json in production, readable lines elsewhere."""
    metrics_token: str = Field(default="", repr=False)
    """Who reads /metrics and /health/detailed sends it as a bearer token. Empty: they are closed in production, open
    elsewhere."""
    prometheus_multiproc_dir: str = ""
    """Where every process of this host counts. Empty: `metrics` under `DATA_DIR`."""
    simulator_url: str = "http://127.0.0.1:8001"
    """Where the provider simulator listens."""
    simulator_webhook_secrets: Words = Field(default=[INSECURE_WEBHOOK_SECRET], repr=False)
    """What it signs webhooks with: every secret still accepted, with commas, the current one first."""
    archive_events_after_days: int = Field(default=400, ge=0, le=36_500)
    """Older events move to the archive, which the admin, the API and verify_books read too. `0`: never."""
    archive_payloads_after_days: int = Field(default=180, ge=0, le=36_500)
    """Bodies of older provider events move to the archive; they can still be replayed. `0`: never."""
    archive_deliveries_after_days: int = Field(default=90, ge=0, le=36_500)
    """Older webhook deliveries that have ended move to the archive, and are not sent again. `0`: never."""
    port: int = 8000
    """Where `make run` listens."""
    test_clock: bool = _IS_LOCAL
    """Whether business time may be moved forward with `manage.py advance_clock`. Local settings: `true`."""
    debug: str = ""
    """Read by production alone, to refuse it: debug pages show settings and data to whoever makes an error."""

    @field_validator(
        "jwt_old_signing_keys",
        "allowed_hosts",
        "csrf_trusted_origins",
        "providers",
        "simulator_webhook_secrets",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: str) -> str:
        try:
            is_known = urlsplit(value).scheme in {"mysql", "sqlite"} and bool(dj_database_url.parse(value).get("NAME"))
        except ValueError:  # its text holds parts of the password
            is_known = False
        if not is_known:
            raise ValueError("set mysql://user:password@host:3306/name (MariaDB) or sqlite:///path")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_a_redis(cls, value: str) -> str:
        return redis_address(value)

    @field_validator("simulator_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/\s]+/?", value):
            raise ValueError("set http://host:port")
        return value

    @field_validator("csrf_trusted_origins")
    @classmethod
    def _are_origins(cls, value: list[str]) -> list[str]:
        if not all(re.fullmatch(r"https?://[^/\s]+", origin) for origin in value):
            raise ValueError("set origins as https://host, without a path")
        return value

    @field_validator("providers")
    @classmethod
    def _exist(cls, value: list[str]) -> list[str]:
        if not value or not set(value) <= set(PROVIDERS):
            raise ValueError(f"name at least one of {', '.join(PROVIDERS)}, and no other")
        return value

    @field_validator("default_provider")
    @classmethod
    def _may_be_used(cls, value: str, info: ValidationInfo) -> str:
        if value and value not in info.data.get("providers", PROVIDERS):
            raise ValueError("name one of PROVIDERS")
        return value

    @field_validator("data_dir")
    @classmethod
    def _is_writable_where_used(cls, value: Path, info: ValidationInfo) -> Path:
        if not info.data.get("redis_url", "-") and not may_hold_files(value):
            raise ValueError("without REDIS_URL it must be a folder that can be written")
        return value


class StrictEnv(Env):
    """What production needs. Each rule says what to set instead, and never what it found in a secret."""

    providers: Words = ["manual"]

    @field_validator("secret_key", "fingerprint_key", "jwt_signing_key", "jwt_old_signing_keys", "metrics_token")
    @classmethod
    def _is_secret(cls, value: str | list[str], info: ValidationInfo) -> str | list[str]:
        optional = info.field_name in ("metrics_token", "jwt_old_signing_keys")
        found = value if isinstance(value, list) else [value]
        if not (optional and not value) and not all(map(is_hard_to_guess, found)):
            command = "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
            raise ValueError(f"set at least {MIN_SECRET_CHARACTERS} random characters, as from: {command}")
        if info.field_name != "metrics_token":
            for other in ("secret_key", "fingerprint_key", "jwt_signing_key"):
                if info.data.get(other) in found:
                    raise ValueError(f"set another value than {other.upper()}'s: one may have to change alone")
        return value

    @field_validator("email_url", "email_from")
    @classmethod
    def _reaches_people(cls, value: str, info: ValidationInfo) -> str:
        if value.startswith("file:") or value == cls.model_fields[str(info.field_name)].default:
            raise ValueError("set it: customers are sent mail when they forget their password")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: list[str]) -> list[str]:
        wrong = [
            host for host in value if not re.fullmatch(r"\.?[a-z0-9][a-z0-9.-]*|\[[0-9a-f:.]+\]", host, re.IGNORECASE)
        ]
        if wrong or not value:
            found = f", not {', '.join(wrong)}" if wrong else ""
            raise ValueError(f"name the hosts that clients use, without scheme, port or wildcard{found}")
        return value

    @field_validator("csrf_trusted_origins")
    @classmethod
    def _are_safe_origins(cls, value: list[str]) -> list[str]:
        if not all(origin.startswith("https://") and origin != "https://*" for origin in value):
            raise ValueError("set https:// origins only, and not all of them")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_a_server(cls, value: str) -> str:
        if not value.startswith("mysql://"):
            raise ValueError("set mysql://user:password@host:3306/name: SQLite has one writer at a time")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_set(cls, value: str) -> str:
        if not value:
            raise ValueError("set redis://host:6379/0: processes on several machines cannot share files")
        return value

    @field_validator("providers", "default_provider")
    @classmethod
    def _moves_real_money(cls, value: list[str] | str) -> list[str] | str:
        if "simulated" in value:
            raise ValueError("remove simulated: it invents money")
        return value

    @field_validator("prometheus_multiproc_dir")
    @classmethod
    def _can_be_written(cls, value: str, info: ValidationInfo) -> str:
        data_dir = info.data.get("data_dir")
        if not (value or data_dir is None or may_hold_files(data_dir / "metrics")):
            raise ValueError("set a folder that can be written, or a DATA_DIR that can: every process counts there")
        if value and not may_hold_files(Path(value)):
            raise ValueError("set a folder that can be written: every process counts there")
        return value

    @field_validator("simulator_url", "simulator_webhook_secrets")
    @classmethod
    def _is_not_set(cls, value: object, info: ValidationInfo) -> object:
        if value != cls.model_fields[str(info.field_name)].default:
            raise ValueError("remove it: the simulator invents money, and production has none")
        return value

    @field_validator("test_clock")
    @classmethod
    def _is_real_time(cls, value: bool) -> bool:
        if value:
            raise ValueError("remove it: nobody may move the time that money is due by")
        return value

    @field_validator("debug")
    @classmethod
    def _is_off(cls, value: str) -> str:
        if value.lower() not in {"", "0", "false", "no", "off"}:
            raise ValueError("remove it: debug pages show settings and data to whoever makes an error")
        return value


def read(kind: type[Env]) -> Env:
    """The environment as `kind` wants it; or the end of the process, with one message that names everything wrong."""
    try:
        return kind()
    except ValidationError as error:
        wrong = [_sentence(each) for each in error.errors(include_input=False, include_url=False)]
    except UnicodeDecodeError as error:
        wrong = [f"{BASE_DIR / '.local' / 'env'} is not text: {error.reason}"]
    lines = ["The environment cannot be used.", *wrong, "Every variable is explained in docs/configuration.md."]
    raise SystemExit("\n".join(lines))


def _sentence(error: Any) -> str:
    """ "NAME: what to do". The value stays unsaid: it may be a secret."""
    name = str(error["loc"][0]).upper()
    told = error["msg"].removeprefix("Value error, ")
    return f"{name}: {told}.{_misspelt(name)}"


def _misspelt(name: str) -> str:
    others = [] if name in os.environ else set(os.environ) - {field.upper() for field in Env.model_fields}
    meant = difflib.get_close_matches(name, others, n=1, cutoff=0.8)
    return f" There is {meant[0]}: was that meant?" if meant else ""


def _kind() -> type[Env]:
    """Settings that build on production's are held to its rules, whatever their module is called."""
    strict = os.environ.get("DJANGO_SETTINGS_MODULE") == PRODUCTION or PRODUCTION in sys.modules
    return StrictEnv if strict else Env


env = read(_kind())
