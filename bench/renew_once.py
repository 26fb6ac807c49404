"""`python -m bench.renew_once FILE`: everything that is due, renewed by one process.

FILE gets the steps it took, its seconds of time and of CPU without starting Python and Django, and the most memory it
had (VmHWM, KiB).
"""

import math
import os
import sys
import time
from pathlib import Path

import django

from bench import memory


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    from billing import services

    started, cpu_before = time.perf_counter(), time.process_time()
    steps = services.renew_due(budget_seconds=math.inf)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_before
    Path(sys.argv[1]).write_text(f"{steps} {seconds} {cpu_seconds} {memory.peak_kib()}")


if __name__ == "__main__":
    main()
