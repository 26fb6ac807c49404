"""A developer's machine and the embedded run of `make run`."""

from config.settings.base import *  # noqa: F403
from config.settings.env import env

DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.allowed_hosts]
DEFAULT_CURRENCY = "EUR"
METRICS_ARE_PUBLIC = True
DEFAULT_PAYMENT_METHOD = "tok_visa"
RECONCILE_SCHEDULE_SECONDS = [2, 10, 60, 3600, 86400, 86400, 86400, 86400]
ACCOUNT_LIMITS = {name: limits | {"address": 100_000} for name, limits in ACCOUNT_LIMITS.items()}  # noqa: F405
WEBHOOK_HTTPS_ONLY = False
WEBHOOK_ALLOW_PRIVATE_ADDRESSES = True
