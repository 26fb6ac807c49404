"""A developer's machine and the embedded run of `make run`."""

from config.settings.base import *  # noqa: F403

DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
DEFAULT_CURRENCY = "EUR"
DEFAULT_PAYMENT_METHOD = "tok_visa"
RECONCILE_SCHEDULE_SECONDS = [2, 10, 60, 3600, 86400, 86400, 86400, 86400]
