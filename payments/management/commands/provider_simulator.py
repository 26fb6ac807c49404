"""`manage.py provider_simulator`: the simulated payment provider as a process of its own."""

import argparse
import dataclasses
import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.embedded.environment import write_private
from payments.providers.simulated.simulator.dials import Dials, InvalidDial
from payments.providers.simulated.simulator.server import LOOPBACK, SimulatorServer
from payments.providers.simulated.simulator.store import StateInUse


class Command(BaseCommand):
    help = "Run the simulated payment provider until INT, TERM or HUP. Prints its address once it listens."
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--host",
            default=LOOPBACK,
            help="where to listen; default: %(default)s. The control API has no password: it refuses whoever is not on"
            " this machine by not listening anywhere else, unless you name another address here",
        )
        parser.add_argument("--port", type=int, default=8001, help="0 takes any free port")
        parser.add_argument(
            "--port-file", type=Path, help="write the port into this file, for its owner only, once it listens"
        )
        parser.add_argument("--state", default=":memory:", help="SQLite file, kept over restarts")
        parser.add_argument("--webhook-url", default="", help="where webhooks go; without it they wait")
        parser.add_argument("--webhook-secret", help="default: the one Quittance expects, which keeps it out of `ps`")
        parser.add_argument("--account", help="default: the one Quittance expects")
        parser.add_argument("--seed", type=int, help="the same seed and calls give the same ids and accidents")
        for field in dataclasses.fields(Dials):
            option = f"--{field.name.replace('_', '-')}"
            parser.add_argument(option, type=type(field.default), default=field.default, help="dial, see dials.py")

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse_production()
        stop = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda *_: stop.set())
        with _server(options) as simulator:
            if options["port_file"]:
                write_private(options["port_file"], simulator.url.rpartition(":")[2])
            self.stdout.write(f"The provider simulator listens on {simulator.url}")
            self.stdout.flush()
            stop.wait()


def _refuse_production() -> None:
    if "simulated" not in settings.PROVIDERS:
        raise CommandError(
            "The provider simulator invents money. It starts where PROVIDERS has it, never in production."
        )


def _server(options: dict[str, Any]) -> SimulatorServer:
    expected = settings.PROVIDERS["simulated"]
    try:
        return SimulatorServer(
            host=options["host"],
            port=options["port"],
            state=options["state"],
            webhook_url=options["webhook_url"],
            webhook_secret=options["webhook_secret"] or expected["webhook_secrets"][0],
            account=options["account"] or expected["account"],
            seed=options["seed"],
            dials=Dials(**{field.name: options[field.name] for field in dataclasses.fields(Dials)}),
        )
    except (InvalidDial, StateInUse) as problem:
        raise CommandError(str(problem)) from problem
    except (OSError, OverflowError) as problem:
        raise CommandError(f"Cannot listen on {options['host']}:{options['port']}: {problem}") from problem
