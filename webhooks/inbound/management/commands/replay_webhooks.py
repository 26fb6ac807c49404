"""`manage.py replay_webhooks`: have stored provider events applied once more."""

import collections
import json
import sys
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from config.kernel import correlation
from config.kernel.errors import Unavailable
from config.management import actors, arguments
from config.management.described import DescribedCommand
from webhooks.inbound import services
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.states import ENDED, WAITING, ProviderEventStatus

ALL_ENDED, SOME_FAILED, NOTHING_MATCHED, INTERRUPTED = 0, 1, 3, 130
UNFINISHED = (*WAITING, ProviderEventStatus.DEAD)
UNAVAILABLE = "unavailable"
DESCRIBED = ("id", "provider", "event_id", "type", "status", "outcome", "error")

Described = dict[str, Any]
"""One event of the report: what DESCRIBED names, and `before`, its status before the replay."""

HELP = """Apply stored provider events once more. Safe at any time and any number of times: what has taken effect does
not take effect again. Without --status and --id, takes the events that have not ended: received, parked and dead."""
EPILOG = """exit codes:
  0    every event has ended: processed or ignored (also after --dry-run)
  1    some events failed again, are still parked or dead, or the database was too busy
  2    wrong usage
  3    nothing matched
  130  interrupted; what had been replayed stays so"""


class Command(DescribedCommand):
    help = HELP
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--status", action="append", choices=[*ProviderEventStatus.values, "all"], help="repeatable")
        add("--provider", help="only events of this provider")
        add(
            "--since",
            type=arguments.instant,
            help="only events received at or after this ISO 8601 instant or date, UTC",
        )
        add("--id", action="append", dest="ids", metavar="ID", help='our id ("pev_…") or the provider\'s; repeatable')
        add("--limit", type=arguments.positive, help="at most this many, oldest first")
        add(
            "--reason",
            type=arguments.reason,
            default="replayed from the command line",
            help="kept in the log of each event",
        )
        add("--dry-run", action="store_true", help="only say what matches")
        add("--json", action="store_true", dest="as_json", help="one JSON document on standard output")

    def handle(self, **options: Any) -> None:
        events = [event | {"before": event["status"]} for event in _matching(options)]
        if not events:
            code = NOTHING_MATCHED
            results: list[Described] = []
        elif options["dry_run"]:
            code = ALL_ENDED
            results = events
        else:
            results, code = self._replay(events, options["reason"])
        self._report(results, options, matched=len(events))
        if code:
            sys.exit(code)

    def _replay(self, events: list[Described], reason: str) -> tuple[list[Described], int]:
        results: list[Described] = []
        try:
            for event in events:
                results.append(_replayed(event, reason))
                self._progress(len(results), len(events))
        except KeyboardInterrupt:
            return results, INTERRUPTED
        ended = all(result["status"] in ENDED and not result["error"] for result in results)
        return results, ALL_ENDED if ended else SOME_FAILED

    def _progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done}/{total}", ending="\n" if done == total else "")

    def _report(self, results: list[Described], options: dict[str, Any], *, matched: int) -> None:
        counts = collections.Counter(result["status"] for result in results)
        if options["as_json"]:
            document = {
                "matched": matched,
                "dry_run": options["dry_run"],
                "counts": dict(counts),
                "events": results,
            }
            self.stdout.write(json.dumps(document))
            return
        for result in results:
            self.stdout.write(_line(result))
        summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "nothing replayed"
        verb = "would replay" if options["dry_run"] else "replayed"
        self.stdout.write(f"{matched} matched, {verb} {len(results)}: {summary}" if matched else "nothing matched")


def _matching(options: dict[str, Any]) -> QuerySet[ProviderEvent, dict[str, Any]]:
    """As dictionaries, not objects: payloads may be many and large, and a machine is never loaded in part."""
    events = ProviderEvent.objects.order_by("received_at", "id")
    statuses = options["status"] or ([] if options["ids"] else list(UNFINISHED))
    if statuses and "all" not in statuses:
        events = events.filter(status__in=statuses)
    if options["provider"]:
        events = events.filter(provider=options["provider"])
    if options["since"]:
        events = events.filter(received_at__gte=options["since"])
    if options["ids"]:
        events = events.with_any_id(options["ids"])
    described: QuerySet[ProviderEvent, dict[str, Any]] = events.values(*DESCRIBED)[: options["limit"]]
    return described


def _replayed(event: Described, reason: str) -> Described:
    actor = actors.operator("replay_webhooks")
    try:
        with correlation.bind(correlation.accept_or_new(None)):
            replay = services.replay(provider_event_id=event["id"], actor=actor, reason=reason)
    except Unavailable as error:
        return event | {"status": UNAVAILABLE, "error": error.detail}
    return event | {"status": replay.status_after, "outcome": replay.outcome, "error": replay.error}


def _line(result: Described) -> str:
    error = f"  {result['error']}" if result["error"] else ""
    return (
        f"{result['id']}  {result['event_id']}  {result['type'] or '-'}  {result['before']} → {result['status']}{error}"
    )
