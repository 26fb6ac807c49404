import os

from django.apps import AppConfig

from tests.crashes import steps


class CrashesConfig(AppConfig):
    """In a process that was told where to die, the steps are watched from its start."""

    name = "tests.crashes"

    def ready(self) -> None:
        if crash_at := os.environ.get(steps.CRASH_AT):
            steps.watch(steps.Fuse(crash_at, told_in=os.environ[steps.CRASH_TOLD_IN]))
