"""`python -m bench.deliver_once FILE`: everything that is due, sent by one process; tries and seconds written to FILE.

Starting Python and Django is not counted.
"""

import os
import sys
import time
from pathlib import Path

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    from webhooks.outbound import services

    started = time.perf_counter()
    tries = services.deliver(stop=lambda: False)
    Path(sys.argv[1]).write_text(f"{tries} {time.perf_counter() - started}")


if __name__ == "__main__":
    main()
