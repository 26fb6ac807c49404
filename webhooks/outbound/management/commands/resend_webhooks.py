"""manage.py resend_webhooks: deliveries sent again, named ones or all that match."""

import dataclasses
import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from django.db.models import Q

from config.kernel.errors import Unavailable
from config.kernel.ids import with_prefix
from config.management import actors, arguments
from config.management.described import DescribedCommand
from webhooks.outbound import services
from webhooks.outbound.management import event_types
from webhooks.outbound.models import Delivery, DeliveryQuerySet
from webhooks.outbound.states import DeliveryStatus, EndpointStatus

ALL_DONE, SOME_REFUSED, USAGE, NOTHING_MATCHED, DATABASE_UNAVAILABLE = 0, 1, 2, 3, 4
DEFAULT_LIMIT = 10_000
HELP = """Have webhooks sent again, with all their tries before them and under the id they always had: receivers that
remember ids take them for what they are. Without ids and --status, takes what is dead. They are due at once, and sent
as soon as their endpoint is enabled."""
EPILOG = """exit codes:
  0  done
  1  some ids are nobody's, or their endpoints have been deleted
  2  wrong usage
  3  nothing matched
  4  the database cannot be reached; what had been made due stays so"""


@dataclasses.dataclass(frozen=True)
class Report:
    """`matched` deliveries there are, `resent` of them will be sent or would be, `waiting` of those once their endpoint
    is enabled; nothing was found under `unknown` ids, nor is anything sent to endpoints that are `deleted`.
    """

    dry_run: bool
    matched: int
    resent: int
    waiting: int
    deleted: int
    unknown: list[str]


class Command(DescribedCommand):
    help = HELP
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("ids", nargs="*", metavar="ID", help='of deliveries ("whd_…"), or of events ("evt_…"): all they went to')
        add("--endpoint", metavar="ID", help="only to this endpoint")
        add("--type", action="append", dest="types", type=event_types.pattern, help="wildcards as in invoice.*")
        add("--status", action="append", choices=[*DeliveryStatus.values, "all"], help="repeatable; without ids: dead")
        add("--since", type=arguments.instant, help="only those made at or after this ISO 8601 instant or date, UTC")
        add("--before", type=arguments.instant, help="only those made before it")
        add("--limit", type=arguments.positive, default=DEFAULT_LIMIT, help=f"oldest first; default {DEFAULT_LIMIT:,}")
        add("--reason", type=arguments.reason, help="why, kept with each; needed without --dry-run")
        add("--dry-run", action="store_true", help="only say how many")
        add("--json", action="store_true", dest="as_json")

    def handle(self, **options: Any) -> None:
        if not options["dry_run"] and options["reason"] is None:
            raise CommandError("say why with --reason", returncode=USAGE)
        try:
            report = _resend(options)
        except (OperationalError, InterfaceError, Unavailable) as error:
            self.stderr.write(f"the database cannot be reached: {error}")
            sys.exit(DATABASE_UNAVAILABLE)
        self.stdout.write(json.dumps(dataclasses.asdict(report)) if options["as_json"] else _text(report))
        if report.unknown or (options["ids"] and report.deleted):
            sys.exit(SOME_REFUSED)
        if not report.resent:
            sys.exit(NOTHING_MATCHED)


def _resend(options: dict[str, Any]) -> Report:
    found = _matching(options)
    alive = found.exclude(endpoint__status=EndpointStatus.DELETED)
    count, matched = found.count(), alive.count()
    waiting = _waiting(alive, options["limit"])
    resent = min(matched, options["limit"])
    if not options["dry_run"]:
        resent = services.resend_many(
            actor=actors.operator("resend_webhooks"),
            deliveries=alive,
            reason=options["reason"],
            limit=options["limit"],
        )
    return Report(options["dry_run"], count, resent, waiting, count - matched, _unknown(options["ids"]))


def _matching(options: dict[str, Any]) -> DeliveryQuerySet:
    deliveries = Delivery.objects.all()
    if options["ids"]:
        deliveries = deliveries.filter(_named(options["ids"]))
    statuses = options["status"] or (["all"] if options["ids"] else [DeliveryStatus.DEAD])
    if "all" not in statuses:
        deliveries = deliveries.filter(status__in=statuses)
    if options["endpoint"]:
        deliveries = deliveries.filter(endpoint__in=with_prefix("whe", [options["endpoint"]]))
    if options["types"]:
        deliveries = deliveries.filter(type__in=event_types.matching(options["types"]))
    if options["since"]:
        deliveries = deliveries.filter(created_at__gte=options["since"])
    if options["before"]:
        deliveries = deliveries.filter(created_at__lt=options["before"])
    return deliveries


def _named(ids: list[str]) -> Q:
    return Q(id__in=with_prefix("whd", ids)) | Q(event__in=with_prefix("evt", ids))


def _waiting(deliveries: DeliveryQuerySet, limit: int) -> int:
    """How many of those that will be taken have to wait for their endpoint."""
    statuses = deliveries.order_by("id").values_list("endpoint__status", flat=True)[:limit]
    return sum(status != EndpointStatus.ENABLED for status in statuses)


def _unknown(ids: list[str]) -> list[str]:
    """Those under which there is no delivery, whatever the filters say."""
    found = Delivery.objects.filter(_named(ids)).values_list("id", "event_id")
    known = {id for pair in found for id in pair} if ids else set()
    return [id for id in dict.fromkeys(ids) if id not in known]


def _text(report: Report) -> str:
    lines = [f"{id}  there is no delivery of that" for id in report.unknown]
    if report.deleted:
        lines.append(f"{report.deleted:,} not sent, as their endpoint has been deleted")
    if report.resent:
        verb = "would be sent again" if report.dry_run else "will be sent again"
        waiting = f", {report.waiting:,} of them once their endpoint is enabled" if report.waiting else ""
        lines.append(f"{report.resent:,} of {report.matched:,} {verb}{waiting}")
    return "\n".join(lines) or "nothing matched"
