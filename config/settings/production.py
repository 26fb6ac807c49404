"""Production: secrets must be set, pages are served over HTTPS only."""

from django.core.exceptions import ImproperlyConfigured

from config.settings.base import *  # noqa: F403
from config.settings.env import Env, env

for _name in ("secret_key", "fingerprint_key"):
    if getattr(env, _name) == Env.model_fields[_name].default:
        raise ImproperlyConfigured(f"Set {_name.upper()} in the environment: the default is public.")

DEBUG = False
SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
