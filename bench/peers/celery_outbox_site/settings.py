"""Settings of a site that has django-celery-outbox and nothing else."""

from bench.peers.databases import from_environment

SECRET_KEY = "only for measuring, on the loopback interface"
DEBUG = False
USE_TZ = True
INSTALLED_APPS = ["django_celery_outbox"]
DATABASES = {"default": from_environment()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CELERY_OUTBOX_APP = "bench.peers.celery_outbox_site.app.app"
MONITORING_METRICS_ENABLED = False
