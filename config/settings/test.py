"""The test suite: MariaDB and Redis from DATABASE_URL and REDIS_URL, which `make test` sets."""

from config.settings.base import *  # noqa: F403
from config.settings.env import env

DEBUG = False
METRICS_DIR = env.prometheus_multiproc_dir
METRICS_ARE_PUBLIC = True
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ACCOUNT_LIMITS = {name: limits | {"address": 100_000} for name, limits in ACCOUNT_LIMITS.items()}  # noqa: F405
SIGN_IN_LIMITS = SIGN_IN_LIMITS | {"address": 100_000}  # noqa: F405
WEBHOOK_HTTPS_ONLY = False
WEBHOOK_ALLOW_PRIVATE_ADDRESSES = True
