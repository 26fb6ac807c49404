"""manage.py listen: what happens, posted to a URL of one's own as webhooks are."""

import contextlib
import datetime
import json
import threading
from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.kernel import clock
from config.management import arguments
from config.outgoing import addresses
from config.outgoing.posting import Answer, Poster
from outbox.events import matches
from outbox.management.following import follow, until_stopped
from outbox.subscribers.base import PublishedEvent
from webhooks.outbound.management import event_types
from webhooks.outbound.services import messages, signing

HELP = """Post every event to a URL of this machine or its network, signed as webhooks are, until INT or TERM. No
endpoint is needed, and nothing is stored: what the URL does not take is said, and not sent again; --since sends what
has been. One at a time, in order within an invoice or customer."""


class Command(BaseCommand):
    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--forward-to", required=True, type=_url, metavar="URL", help="http://localhost:9000/hook")
        add(
            "--events",
            nargs="+",
            type=event_types.pattern,
            metavar="TYPE",
            help="only these; wildcards as in invoice.*",
        )
        add("--since", type=arguments.instant, help="begin with what was recorded then, and not now")
        add("--once", action="store_true", help="end when everything up to now has been sent")
        add("--secret", type=_secret, metavar="whsec_…", help="sign with this one, and not with a fresh one")
        add("--print-json", action="store_true", help="print JSON lines, each with what was sent")

    def handle(self, **options: Any) -> None:
        forwarder = _Forwarder(options["forward_to"], options["secret"] or signing.new_secret())
        with until_stopped() as stopping, contextlib.closing(forwarder):
            for events in follow(
                since=options["since"],
                once=options["once"],
                stopping=stopping,
                stderr=self.stderr,
                on_start=lambda: self._say(_greeting(forwarder, options)),
            ):
                self._forward(events, forwarder, stopping, options)

    def _forward(
        self,
        events: list[PublishedEvent],
        forwarder: "_Forwarder",
        stopping: threading.Event,
        options: dict[str, Any],
    ) -> None:
        for event in events:
            if stopping.is_set():
                return
            if not options["events"] or matches(event.type, tuple(options["events"])):
                at, body = clock.now(), messages.body_of_event(event)
                answer = forwarder.send(event, body)
                self._say(_json(at, event, body, answer) if options["print_json"] else _line(at, event, answer))

    def _say(self, line: str) -> None:
        """At once, whoever reads it."""
        self.stdout.write(line)
        self.stdout.flush()


class _Forwarder:
    """Posts to one URL, whatever its address, signed with one secret."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self.secret = secret
        self._poster = Poster(allow_private=True, timeout_seconds=settings.WEBHOOK_TIMEOUT_SECONDS)

    def send(self, event: PublishedEvent, body: bytes) -> Answer:
        headers = messages.headers(message_id=event.id, body=body, secrets=[self.secret])
        return self._poster.post(self.url, headers=headers, body=body)

    def close(self) -> None:
        self._poster.close()


def _url(text: str) -> str:
    try:
        addresses.parse(text)
    except addresses.UrlRefused as refused:
        raise ArgumentTypeError(str(refused)) from refused
    return text


def _secret(text: str) -> str:
    try:
        signing.check_secret(text)
    except signing.MalformedSecret as malformed:
        raise ArgumentTypeError(str(malformed)) from malformed
    return text


def _greeting(forwarder: _Forwarder, options: dict[str, Any]) -> str:
    """Said once what happens from now on is heard."""
    if options["print_json"]:
        return json.dumps({"secret": forwarder.secret, "forward_to": forwarder.url})
    wanted = " ".join(options["events"] or ["every event"])
    return f"Forwarding {wanted} to {forwarder.url}, signed with {forwarder.secret} (Ctrl-C ends it)"


def _line(at: datetime.datetime, event: PublishedEvent, answer: Answer) -> str:
    outcome = answer.error if answer.status_code is None else str(answer.status_code)
    milliseconds = f"{answer.duration_seconds * 1000:.0f} ms"
    return f"{_iso(at)}  {event.type:<24}  {event.id}  → {outcome}  {milliseconds}"


def _json(at: datetime.datetime, event: PublishedEvent, body: bytes, answer: Answer) -> str:
    outcome = {
        "time": _iso(at),
        "id": event.id,
        "status_code": answer.status_code,
        "error": answer.error,
        "duration_ms": round(answer.duration_seconds * 1000),
    }
    return json.dumps(outcome | {"sent": json.loads(body)}, ensure_ascii=False)


def _iso(at: datetime.datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
