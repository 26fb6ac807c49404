"""How fast it is: `make bench`, or `python -m bench.run`. Under ten minutes by default.

It brings up servers of its own, whatever the environment says: MariaDB with durable commits, Redis. Contenders take
turns round by round on that one MariaDB; shown are medians and spreads over the rounds.
"""

import argparse
import contextlib
import datetime
import os
import secrets
import signal
import sys
from pathlib import Path

from bench import servers
from bench.parts import PARTS
from config.embedded.environment import free_port

FOLDER = Path(__file__).resolve().parent.parent / ".local" / "bench"


def main() -> None:
    options = _options()
    simulator_port = free_port()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    with servers.urls(FOLDER, given={}) as urls, contextlib.ExitStack() as stack:
        os.environ.update(urls | _environment(simulator_port))
        _set_up(options)
        from bench.session import session

        run = stack.enter_context(session(options=options, folder=FOLDER, simulator_port=simulator_port))
        run.measure()
        run.write(FOLDER / f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}.json")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Quittance against a floor and against peers.")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part (repeatable)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of load per contender and round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--invoices", type=int, default=0, help="seed so many first: manage.py seed_volume")
    parser.add_argument("--backlog", type=int, default=64_000, help="events for the relay")
    parser.add_argument("--peer-backlog", type=int, default=5_000, help="events for the peers' relays")
    parser.add_argument("--delivered", type=int, default=200_000, help="events in the table of the relay's second row")
    parser.add_argument("--memory-backlog", type=int, default=100_000, help="for the relay's memory; and a tenth of it")
    parser.add_argument("--renewals", type=int, default=10_000, help="subscriptions due at once; and a tenth of it")
    parser.add_argument("--events-per-second", type=float, default=500, help="for the latency of the stream")
    parser.add_argument("--deliveries", type=int, default=5_000, help="to receivers of webhooks")
    parser.add_argument("--pairs-per-second", type=float, default=10, help="the load under which latency is measured")
    return parser.parse_args()


def _environment(simulator_port: int) -> dict[str, str]:
    """Secrets as long as production's; one simulator for the service to talk to."""
    return {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "FINGERPRINT_KEY": secrets.token_urlsafe(48),
        "JWT_SIGNING_KEY": secrets.token_urlsafe(48),
        "EMAIL_URL": "smtp+plain://127.0.0.1:9",
        "EMAIL_FROM": "bench@example.com",
        "SIMULATOR_WEBHOOK_SECRETS": f"simsec_{secrets.token_hex(24)}",
        "SIMULATOR_URL": f"http://127.0.0.1:{simulator_port}",
        "DATA_DIR": str(FOLDER / "data"),
    }


def _set_up(options: argparse.Namespace) -> None:
    import django
    from django.core.management import call_command

    log = (FOLDER / "bench.log").open("w")
    # get_wsgi_application configures logging once more, so both stay redirected until then.
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        django.setup()
        call_command("migrate", interactive=False, verbosity=0)
    if options.invoices:
        print(f"Seeding {options.invoices:,} invoices", file=sys.stderr, flush=True)
        call_command("seed_volume", invoices=options.invoices)


if __name__ == "__main__":
    main()
