from django.apps import AppConfig
from django.core.checks import Tags, register

from config.observability import counters

RETRY_REASONS = {1213: "deadlock", 1205: "lock_timeout", 1020: "changed"}


class ConfigConfig(AppConfig):
    """An app only so that Django finds its commands; it has no models."""

    name = "config"

    def ready(self) -> None:
        from config.checks import check_databases
        from config.kernel import db

        register(check_databases, Tags.database)
        db.runs_again.connect(_count_retry)


def _count_retry(*, code: int | None, **_: object) -> None:
    """A lost connection has many codes."""
    counters.TRANSACTION_RETRIES.count(RETRY_REASONS.get(code or 0, "connection"))
