"""`python -m bench.relay_once FILE`: `manage.py relay_outbox --once` with the seconds it took written to FILE.

Events go to standard output, as in production; starting Python and Django is not counted.
"""

import os
import sys
import time
from pathlib import Path

import django
from django.core.management import call_command


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    started = time.perf_counter()
    try:
        call_command("relay_outbox", once=True)
    except SystemExit as end:
        if end.code:
            raise
    Path(sys.argv[1]).write_text(str(time.perf_counter() - started))


if __name__ == "__main__":
    main()
