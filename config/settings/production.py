"""Production: everything over HTTPS, nothing that only a developer needs. config/settings/env.py holds its rules."""

from config.settings.base import *  # noqa: F403
from config.settings.env import StrictEnv, env
from config.settings.logging import logging_in

if not isinstance(env, StrictEnv):
    raise SystemExit("Import config.settings.production before any other settings: its rules were not applied.")

DEBUG = False
LOGGING = logging_in(env.log_format or "json")

SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^health(/detailed)?$", r"^metrics$"]
"""Probes ask the process itself, behind whatever speaks HTTPS."""
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.trust_proxy else None
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.hsts_include_subdomains
SILENCED_SYSTEM_CHECKS = ["security.W021"]
"""HSTS preloading is promised by the owner of a whole domain, on its front page."""
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
