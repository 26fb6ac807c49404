"""manage.py dead_letters: what could not be delivered or applied, in both directions, and what is done about it."""

import argparse
import dataclasses
import itertools
import json
import sys
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError, CommandParser

from config.kernel.errors import DomainError
from config.management import actors, arguments
from config.management.described import DescribedCommand
from config.management.letters import KINDS, WAITS, Kind, Letter
from outbox.events import matches

ALL_DONE, SOME_FAILED, USAGE, NOTHING_MATCHED = 0, 1, 2, 3
FILTERS = ("kind", "type", "of", "since", "limit")
HELP = """Held events, which a subscriber cannot take; provider events, which are parked or dead here; and dead
deliveries, which no try has brought to their webhook endpoint. `requeue` has them tried once more; `skip` gives a held
event up for good, so that what waits behind it goes on. Each that is named is answered; --all takes the first of each
line, and what can be done with it."""
EPILOG = """exit codes:
  0  done
  1  some could not be requeued or skipped, or would not be, for the reason printed beside them
  2  wrong usage
  3  nothing matched"""


class Command(DescribedCommand):
    help = HELP
    epilog = EPILOG

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True)
        _filtered(commands.add_parser("list", help="each kind oldest first"))
        show = commands.add_parser("show", help="everything about one, its payload too")
        show.add_argument("id")
        for name, what in (("requeue", "try them once more"), ("skip", "give held events up for good")):
            act = commands.add_parser(name, help=what)
            act.add_argument("ids", nargs="*", metavar="ID", help="these; or --all that match the filters")
            act.add_argument("--all", action="store_true")
            act.add_argument("--reason", type=arguments.reason, help="why, kept with each; needed without --dry-run")
            act.add_argument("--dry-run", action="store_true", help="only say which, and which would be refused")
            _filtered(act)

    def handle(self, **options: Any) -> None:
        if options["command"] == "show":
            self._show(options["id"])
            return
        if options["command"] == "list":
            letters = _matching(options, _kinds(options), with_waiting=True)
            self._report(letters, options)
            code = ALL_DONE if letters else NOTHING_MATCHED
        else:
            code = self._act(options)
        if code:
            sys.exit(code)

    def _show(self, id: str) -> None:
        found = next(filter(None, (kind.show(id) for kind in KINDS.values())), None)
        if found is None:
            raise CommandError(_missing(id).error, returncode=NOTHING_MATCHED)
        self.stdout.write(json.dumps(found, indent=2, default=str, ensure_ascii=False))

    def _act(self, options: dict[str, Any]) -> int:
        _check(options)
        letters = _named(options["ids"]) if options["ids"] else _all(options)
        answered = [dataclasses.replace(letter, error=_refusal(letter, options)) for letter in letters]
        self._report(answered, options)
        if not answered:
            return NOTHING_MATCHED
        return SOME_FAILED if any(letter.error for letter in answered) else ALL_DONE

    def _report(self, letters: list[Letter], options: dict[str, Any]) -> None:
        if options["as_json"]:
            self.stdout.write(json.dumps([dataclasses.asdict(letter) for letter in letters], ensure_ascii=False))
            return
        for letter in letters:
            self.stdout.write(_text(letter))
        self.stdout.write(f"{len(letters)} in all" if letters else "nothing matched")


def _filtered(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=list(KINDS), help="held events, provider events of the inbox, or deliveries")
    parser.add_argument("--type", default="", help="of the event; wildcards as in invoice.*")
    parser.add_argument(
        "--of", default="", metavar="NAME", help="of this subscriber or provider, or to this endpoint (its id)"
    )
    parser.add_argument("--since", type=arguments.instant, help="only from this ISO 8601 instant or date on, UTC")
    parser.add_argument("--limit", type=arguments.positive, help="at most this many")
    parser.add_argument("--json", action="store_true", dest="as_json")


def _check(options: dict[str, Any]) -> None:
    """Raises CommandError for what can be known to be wrong without looking at anything."""
    command, kind = options["command"], options["kind"]
    if bool(options["ids"]) == options["all"]:
        raise CommandError("name some, or say --all", returncode=USAGE)
    if options["ids"] and any(options[name] for name in FILTERS):
        raise CommandError("filters go with --all; what is named needs none", returncode=USAGE)
    if not options["dry_run"] and options["reason"] is None:
        raise CommandError("say why with --reason", returncode=USAGE)
    if kind and command in KINDS[kind].refused:
        raise CommandError(KINDS[kind].refused[command], returncode=USAGE)


def _kinds(options: dict[str, Any]) -> list[Kind]:
    return [kind for name, kind in KINDS.items() if options["kind"] in (None, name)]


def _matching(options: dict[str, Any], kinds: Iterable[Kind], *, with_waiting: bool) -> list[Letter]:
    pattern = options["type"] or "*"
    found = itertools.chain.from_iterable(kind.found(options) for kind in kinds)
    wanted = (letter for letter in found if with_waiting or letter.status != WAITS)
    matching = (letter for letter in wanted if matches(letter.type, (pattern,)))
    return list(itertools.islice(matching, options["limit"]))


def _all(options: dict[str, Any]) -> list[Letter]:
    """Those with which the command can be done; what waits behind another follows it by itself."""
    kinds = [kind for kind in _kinds(options) if options["command"] in kind.acts]
    return _matching(options, kinds, with_waiting=False)


def _named(ids: list[str]) -> list[Letter]:
    """One for each id, in that order."""
    found = {letter.id: letter for kind in KINDS.values() for letter in kind.named(ids)}
    return [found.get(id) or _missing(id) for id in dict.fromkeys(ids)]


def _missing(id: str) -> Letter:
    error = f"There is no held event, no provider event and no delivery {id}."
    return Letter(kind="", id=id, type="", of="", status="", since="", attempts=0, error=error)


def _refusal(letter: Letter, options: dict[str, Any]) -> str:
    """Empty when it was done, or when a dry run would try it."""
    obstacle = _obstacle(letter, options["command"])
    if obstacle or options["dry_run"]:
        return obstacle or _foreseen(letter, options["command"])
    try:
        KINDS[letter.kind].acts[options["command"]](letter.id, actors.operator("dead_letters"), options["reason"])
    except DomainError as error:
        return error.detail
    return ""


def _obstacle(letter: Letter, command: str) -> str:
    if not letter.kind:
        return letter.error
    kind = KINDS[letter.kind]
    if letter.status not in kind.open:
        return f"It is no dead letter: its status is {letter.status}."
    return kind.refused.get(command, "")


def _foreseen(letter: Letter, command: str) -> str:
    """What the service would say, in a dry run."""
    if command == "requeue" and letter.status == WAITS:
        return "It waits behind another of the same aggregate; deal with that one first."
    return ""


def _text(letter: Letter) -> str:
    if not letter.kind:
        return f"{letter.id}  {letter.error}"
    parts = (letter.id, letter.type or "-", letter.of, letter.status, f"{letter.attempts} tries", letter.since)
    return "  ".join([*parts, letter.error]).rstrip()
