"""`python -m tests.concurrency.user SUBSCRIPTION THREADS TIMES`: its calls are used by so many threads so often each.

It says when it is ready, begins when it is told to (a line), and says how often it was counted or refused, in JSON.
"""

import json
import sys
from functools import partial

import django


def main() -> None:
    django.setup()
    from billing.models import Subscription
    from tests.concurrency.threads import all_at_once
    from tests.concurrency.trying import sum_of, tries

    id, threads, times = sys.argv[1:]
    subscription = Subscription.objects.get(id=id)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(sum_of(all_at_once([partial(tries, subscription, int(times))] * int(threads)))))


if __name__ == "__main__":
    main()
