"""Settings of a site that has django-outbox-pattern and nothing else."""

import os

from bench.peers.databases import from_environment

SECRET_KEY = "only for measuring, on the loopback interface"
DEBUG = False
USE_TZ = True
INSTALLED_APPS = ["django_outbox_pattern"]
DATABASES = {"default": from_environment()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DJANGO_OUTBOX_PATTERN = {"DEFAULT_STOMP_HOST_AND_PORTS": [("127.0.0.1", int(os.environ.get("STOMP_PORT", "61613")))]}
