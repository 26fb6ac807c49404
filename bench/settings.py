"""What is measured: the settings every environment shares, on the loopback interface."""

from config.settings.base import *  # noqa: F403

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
WEBHOOK_HTTPS_ONLY = False
WEBHOOK_ALLOW_PRIVATE_ADDRESSES = True
