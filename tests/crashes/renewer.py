"""`python -m tests.crashes.renewer`: renews what is due, for ever; it says when it begins."""

import time

import django

PAUSE_SECONDS = 0.02


def main() -> None:
    django.setup()
    from billing import services

    print("renewing", flush=True)
    while True:
        services.renew_due()
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
