from django.apps import AppConfig
from django.core.checks import register


class OutboxConfig(AppConfig):
    name = "outbox"

    def ready(self) -> None:
        from outbox.subscribers.checks import check_publishers

        register(check_publishers)
