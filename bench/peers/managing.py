"""A peer's `manage.py`: Django's commands, and `fill COUNT` for a backlog, its body as JSON on standard input."""

import json
import os
import sys
from collections.abc import Callable

import django


def run(*, settings: str, fill: Callable[[int, object], None]) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    django.setup()
    from django.core.management import execute_from_command_line

    if sys.argv[1] == "fill":
        fill(int(sys.argv[2]), json.load(sys.stdin))
    else:
        execute_from_command_line(sys.argv)
