"""Logs: one line per record on standard error, the events of the log publisher on standard output."""

from typing import Any

from config.settings.env import env


def logging_in(format: str) -> dict[str, Any]:
    """LOGGING with lines in `format`: "json" or "line"."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": "config.observability.logs.LineFormatter"},
            "json": {"()": "config.observability.logs.JsonFormatter"},
            "message": {"format": "%(message)s"},
        },
        "handlers": {
            "console": {"class": "config.observability.logs.Handler", "formatter": format},
            "events": {
                "class": "config.observability.logs.EventHandler",
                "formatter": "message",
                "stream": "ext://sys.stdout",
            },
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            "outbox.events": {"handlers": ["events"], "level": "INFO", "propagate": False},
            "httpx": {"level": "WARNING"},
            # A request has its access line; what Django adds is the traceback of a bug.
            "django.request": {"level": "ERROR"},
            # A wrong Host header is the client's mistake and has its 400; no traceback a request.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # A task has its line in config.observability.tasks.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }


LOGGING = logging_in(env.log_format or "line")
