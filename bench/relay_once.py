"""`python -m bench.relay_once FILE [SUBSCRIBER]`: `manage.py relay_outbox --once`, as a process of its own.

FILE gets the seconds it took, without starting Python and Django, and the most memory it had (VmHWM, KiB). What goes to
the log goes to standard output, as in production.
"""

import os
import sys
import time
from pathlib import Path

import django
from django.core.management import call_command

from bench import memory


def main() -> None:
    report, *subscribers = sys.argv[1:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    started = time.perf_counter()
    try:
        call_command("relay_outbox", once=True, subscriber=subscribers or None)
    except SystemExit as end:
        if end.code:
            raise
    Path(report).write_text(f"{time.perf_counter() - started} {memory.peak_kib()}")


if __name__ == "__main__":
    main()
