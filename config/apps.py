from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """An app only so that Django finds its commands; it has no models."""

    name = "config"
