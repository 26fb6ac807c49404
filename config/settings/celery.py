"""Celery and the cache. With REDIS_URL both live there; without it, the embedded broker and a per-process cache."""

from typing import Any

from celery.schedules import crontab
from kombu import Queue

from config.settings.env import env

_broker_dir = env.data_dir / "broker"


def _embedded_options() -> dict[str, Any]:
    return {
        "data_folder_in": str(_broker_dir / "queue"),
        "data_folder_out": str(_broker_dir / "queue"),
        "control_folder": str(_broker_dir / "control"),
        "polling_interval": 0.1,
    }


QUEUES = ["billing", "outbox", "payments", "webhooks"]
"""A worker takes from all of them unless `-Q` says otherwise. A task is named "<queue>.…", which routes it."""
CELERY_TASK_QUEUES = [Queue(name) for name in QUEUES]
CELERY_TASK_ROUTES = {f"{name}.*": {"queue": name} for name in QUEUES}
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_DEFAULT_QUEUE = "outbox"
CELERY_BROKER_URL = env.redis_url or "embedded://"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"visibility_timeout": 3600} if env.redis_url else _embedded_options()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"

CELERY_BEAT_SCHEDULE = {
    "outbox.relay": {"task": "outbox.relay", "schedule": 1.0, "options": {"expires": 1.0}},
    "billing.renew_due": {"task": "billing.renew_due", "schedule": 60.0, "options": {"expires": 60.0}},
    "payments.sweep": {"task": "payments.sweep", "schedule": 1.0, "options": {"expires": 1.0}},
    "payments.sweep_refunds": {"task": "payments.sweep_refunds", "schedule": 1.0, "options": {"expires": 1.0}},
    "payments.retry_due": {"task": "payments.retry_due", "schedule": 5.0, "options": {"expires": 5.0}},
    "payments.reconcile_settlement": {
        "task": "payments.reconcile_settlement",
        "schedule": crontab(hour="4", minute="15"),
        "options": {"expires": 3600.0},
    },
    "payments.announce_expiring": {
        "task": "payments.announce_expiring",
        "schedule": crontab(minute="7"),
        "options": {"expires": 3000.0},
    },
    "webhooks.outbound.deliver": {"task": "webhooks.outbound.deliver", "schedule": 1.0, "options": {"expires": 1.0}},
    **{
        name: {"task": name, "schedule": crontab(minute=minute), "options": {"expires": 3000.0}}
        for minute, name in {
            "17": "webhooks.outbound.archive",
            "27": "webhooks.inbound.archive",
            "37": "outbox.archive",
        }.items()
    },
    "billing.sweep_mail": {"task": "billing.sweep_mail", "schedule": 5.0, "options": {"expires": 5.0}},
    "billing.forget": {"task": "billing.forget", "schedule": crontab(minute="47"), "options": {"expires": 3000.0}},
    "webhooks.inbound.sweep": {"task": "webhooks.inbound.sweep", "schedule": 1.0, "options": {"expires": 1.0}},
}

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "config.redis_cache.RedisCache",
        "LOCATION": env.redis_url,
        "OPTIONS": {"socket_connect_timeout": 0.05, "socket_timeout": 0.05},
    }
    if env.redis_url
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
