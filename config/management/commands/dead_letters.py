"""manage.py dead_letters: what could not be delivered or applied, in both directions, and what is done about it."""

import argparse
import dataclasses
import datetime
import fnmatch
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.forms.models import model_to_dict

from config.api import principals
from config.kernel.errors import DomainError
from config.kernel.fields import by_id
from config.management import arguments
from outbox import services as outbox
from outbox.models import HeldEvent
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.states import ProviderEventStatus

ALL_DONE, SOME_FAILED, USAGE, NOTHING_MATCHED = 0, 1, 2, 3
ACTOR = principals.system("dead_letters")
HELP = """Held events, which a subscriber cannot take, and provider events, which are parked or dead here. `requeue` has
them tried once more; `skip` gives a held event up for good, so that what waits behind it goes on."""
EPILOG = """exit codes:
  0  done
  1  some could not be requeued or skipped, for the reason printed beside them
  2  wrong usage
  3  nothing matched"""


@dataclasses.dataclass(frozen=True)
class Letter:
    """One of them. `of` is the subscriber that cannot take it, or the provider that has sent it; times are ISO 8601."""

    kind: str
    id: str
    type: str
    of: str
    status: str
    since: str
    attempts: int
    error: str


Act = Callable[[str, str], object]
"""By id, with a reason."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """Where letters of a kind lie. `acts` by name; what cannot be done with them is not there."""

    found: Callable[[dict[str, Any]], Iterator[Letter]]
    show: Callable[[str], dict[str, Any] | None]
    acts: Mapping[str, Act]


def _held(options: dict[str, Any]) -> Iterator[Letter]:
    rows = HeldEvent.objects.held().select_related("event").order_by("held_at", "id")
    if options["of"]:
        rows = rows.filter(subscriber=options["of"])
    if options["since"]:
        rows = rows.filter(held_at__gte=options["since"])
    for row in rows.iterator():
        yield Letter(
            "held", row.id, row.event.type, row.subscriber, _line(row), _iso(row.held_at), row.attempts, row.error
        )


def _line(row: HeldEvent) -> str:
    if row.given_up_at is not None:
        return "given up"
    return "tried again by itself" if row.available_at is not None else "waits behind another"


def _received(options: dict[str, Any]) -> Iterator[Letter]:
    """As dictionaries: payloads may be many and large, and a machine is never loaded in part."""
    rows = ProviderEvent.objects.filter(status__in=[ProviderEventStatus.PARKED, ProviderEventStatus.DEAD])
    if options["of"]:
        rows = rows.filter(provider=options["of"])
    if options["since"]:
        rows = rows.filter(received_at__gte=options["since"])
    names = ("id", "type", "provider", "status", "received_at", "attempts", "error")
    for id, type_, provider, status, at, attempts, error in rows.order_by("received_at", "id").values_list(*names):
        yield Letter("inbox", id, type_, provider, status, _iso(at), attempts, error)


def _show_held(id: str) -> dict[str, Any] | None:
    row = by_id(HeldEvent.objects.select_related("event"), id)
    return None if row is None else {"held": _fields(row), "event": _fields(row.event)}


def _show_received(id: str) -> dict[str, Any] | None:
    row = by_id(ProviderEvent.objects, id)
    return (
        None
        if row is None
        else {"event": _fields(row), "replays": [_fields(replay) for replay in row.replays.order_by("id")]}
    )


def _fields(row: Any) -> dict[str, Any]:
    return {"id": row.pk, "status": getattr(row, "status", None)} | model_to_dict(row)


KINDS = {
    "held": Kind(
        _held,
        _show_held,
        {
            "requeue": lambda id, reason: outbox.requeue_held(held_id=id, actor=ACTOR, reason=reason),
            "skip": lambda id, reason: outbox.skip_held(held_id=id, actor=ACTOR, reason=reason),
        },
    ),
    "inbox": Kind(
        _received,
        _show_received,
        {"requeue": lambda id, reason: _replay(id, reason)},
    ),
}
PREFIXES = {"hev": "held", "pev": "inbox"}


def _replay(id: str, reason: str) -> None:
    replay = inbound.replay(provider_event_id=id, actor=ACTOR, reason=reason)
    if replay.error:
        raise DomainError(replay.error)


class Command(BaseCommand):
    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        layout = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, epilog=EPILOG, formatter_class=layout, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        _filtered(commands.add_parser("list", help="oldest first, both kinds"))
        show = commands.add_parser("show", help="everything about one, its payload too")
        show.add_argument("id")
        for name, what in (("requeue", "try them once more"), ("skip", "give held events up for good")):
            act = commands.add_parser(name, help=what)
            act.add_argument("ids", nargs="*", metavar="ID", help="these; or --all that match the filters")
            act.add_argument("--all", action="store_true")
            act.add_argument("--reason", type=arguments.reason, help="why, kept with each; needed without --dry-run")
            act.add_argument("--dry-run", action="store_true", help="only say which")
            _filtered(act)

    def handle(self, **options: Any) -> None:
        if options["command"] == "show":
            self._show(options["id"])
            return
        if options["command"] == "list":
            letters = list(_matching(options))
            self._report(letters, options)
            code = ALL_DONE if letters else NOTHING_MATCHED
        else:
            code = self._act(options)
        if code:
            sys.exit(code)

    def _show(self, id: str) -> None:
        found = KINDS[kind].show(id) if (kind := _kind_of(id)) else None
        if found is None:
            raise CommandError(f"There is no held event and no provider event {id}.", returncode=NOTHING_MATCHED)
        self.stdout.write(json.dumps(found, indent=2, default=str, ensure_ascii=False))

    def _act(self, options: dict[str, Any]) -> int:
        if bool(options["ids"]) == options["all"]:
            raise CommandError("name some, or say --all", returncode=USAGE)
        if not options["dry_run"] and options["reason"] is None:
            raise CommandError("say why with --reason", returncode=USAGE)
        letters = [letter for letter in _matching(options) if letter.status != "waits behind another"]
        if not letters:
            self.stdout.write("nothing matched")
            return NOTHING_MATCHED
        if options["dry_run"]:
            self._report(letters, options)
            return ALL_DONE
        refused = {letter.id: self._refusal(letter, options["command"], options["reason"]) for letter in letters}
        self._report([dataclasses.replace(letter, error=refused[letter.id]) for letter in letters], options)
        return SOME_FAILED if any(refused.values()) else ALL_DONE

    def _refusal(self, letter: Letter, command: str, reason: str) -> str:
        """Empty when it was done."""
        act = KINDS[letter.kind].acts.get(command)
        if act is None:
            return f"a provider event cannot be {command}ped: requeue it, or leave it"
        try:
            act(letter.id, reason)
        except DomainError as error:
            return error.detail
        return ""

    def _report(self, letters: list[Letter], options: dict[str, Any]) -> None:
        if options["as_json"]:
            self.stdout.write(json.dumps([dataclasses.asdict(letter) for letter in letters], ensure_ascii=False))
            return
        for letter in letters:
            parts = (letter.id, letter.type or "-", letter.of, letter.status, f"{letter.attempts} tries", letter.since)
            self.stdout.write("  ".join([*parts, letter.error]).rstrip())
        self.stdout.write(f"{len(letters)} in all" if letters else "nothing matched")


def _filtered(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=list(KINDS), help="held events, or provider events of the inbox")
    parser.add_argument("--type", default="*", help="of the event; wildcards as in invoice.*")
    parser.add_argument("--of", default="", metavar="NAME", help="of this subscriber or provider")
    parser.add_argument("--since", type=arguments.instant, help="only from this ISO 8601 instant or date on, UTC")
    parser.add_argument("--limit", type=arguments.positive, help="at most this many")
    parser.add_argument("--json", action="store_true", dest="as_json")


def _matching(options: dict[str, Any]) -> Iterator[Letter]:
    wanted = set(options.get("ids") or ())
    count = 0
    for name, kind in KINDS.items():
        if options["kind"] not in (None, name):
            continue
        for letter in kind.found(options):
            if count == options["limit"]:
                return
            if fnmatch.fnmatchcase(letter.type, options["type"]) and (not wanted or letter.id in wanted):
                count += 1
                yield letter


def _kind_of(id: str) -> str | None:
    return PREFIXES.get(id.partition("_")[0])


def _iso(at: datetime.datetime) -> str:
    return at.astimezone(datetime.UTC).isoformat(timespec="seconds")
