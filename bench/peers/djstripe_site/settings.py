"""Settings of a site that has dj-stripe and nothing else."""

from bench.peers.databases import from_environment

SECRET_KEY = "only for measuring, on the loopback interface"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "djstripe"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "bench.peers.djstripe_site.urls"
DATABASES = {"default": from_environment()}
# Tables straight from the models: the same tables, without half a minute of migrations.
MIGRATION_MODULES = dict.fromkeys(["auth", "contenttypes", "djstripe"])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STRIPE_API_HOST = "http://127.0.0.1:9"
STRIPE_TEST_SECRET_KEY = "sk_test_" + "b" * 24
STRIPE_LIVE_MODE = False
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
