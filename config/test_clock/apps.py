from typing import Any

from django.apps import AppConfig
from django.core.signals import request_started


class TestClockConfig(AppConfig):
    """Business time follows the offset; each request and each task reads it anew."""

    name = "config.test_clock"
    __test__ = False

    def ready(self) -> None:
        from celery.signals import task_prerun

        from config.kernel import clock
        from config.test_clock import services

        clock.follow(services.ahead)
        request_started.connect(_forget, dispatch_uid="test_clock")
        task_prerun.connect(_forget, dispatch_uid="test_clock")


def _forget(**_: Any) -> None:
    from config.test_clock import services

    services.forget()
