"""Every environment variable Quittance reads, typed. `make run` writes those of the embedded run to `.local/env`."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent.parent
_IS_LOCAL = os.environ.get("DJANGO_SETTINGS_MODULE", "config.settings.local") == "config.settings.local"


class Env(BaseSettings):
    """Names are upper case in the environment: SECRET_KEY, DATABASE_URL, …"""

    model_config = SettingsConfigDict(env_file=BASE_DIR / ".local" / "env" if _IS_LOCAL else None, extra="ignore")

    secret_key: str = "insecure-and-for-local-use-only"
    fingerprint_key: str = "insecure-and-for-local-use-only"
    """Keys the fingerprints of idempotent requests; changing it makes every earlier key answer 409."""
    allowed_hosts: Annotated[list[str], NoDecode] = []
    database_url: str = f"sqlite:///{BASE_DIR / '.local' / 'quittance.sqlite3'}"
    redis_url: str = ""
    """Broker and cache. Empty: the embedded broker (files) and a per-process cache (the embedded run)."""
    data_dir: Path = BASE_DIR / ".local"
    simulator_url: str = "http://127.0.0.1:8001"
    simulator_webhook_secrets: Annotated[list[str], NoDecode] = Field(default=["insecure-simulator-secret"])
    """Every secret still accepted, the current one first."""
    port: int = 8000

    @field_validator("allowed_hosts", "simulator_webhook_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _read() -> Env:
    """Ends the process with one message that names everything wrong."""
    try:
        return Env()
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()]
    except UnicodeDecodeError as error:
        wrong = [f"{BASE_DIR / '.local' / 'env'} is not text: {error.reason}"]
    raise SystemExit("The environment cannot be used.\n" + "\n".join(wrong))


env = _read()
