"""Logs: one line per record on standard error, with its correlation id; the log publisher on standard output."""

from typing import Any

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"correlation": {"()": "config.kernel.correlation.LogFilter"}},
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s [%(correlation_id)s] %(message)s"},
        "message": {"format": "%(message)s"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["correlation"]},
        "events": {"class": "logging.StreamHandler", "formatter": "message", "stream": "ext://sys.stdout"},
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "outbox.events": {"handlers": ["events"], "level": "INFO", "propagate": False},
        "httpx": {"level": "WARNING"},
        # A wrong Host header is the client's mistake and has its 400; no traceback a request.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # Three sweeps a second that found nothing are not worth six lines.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
