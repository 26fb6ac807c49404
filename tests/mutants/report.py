"""The score, and the survivors beside those that somebody has judged (survivors.toml)."""

import collections
import pathlib
import tomllib
from collections.abc import Iterable
from typing import Any

from tests.mutants.verdicts import Verdict

JUDGED = pathlib.Path(__file__).with_name("survivors.toml")
KEY = ("module", "function", "operator", "before", "after")


def table(mutants: list[dict[str, Any]], verdicts: dict[int, Verdict], *, seconds: float) -> str:
    """Killed of total by module, subject and in all."""
    rows = [_row(each, [each], mutants, verdicts, "module") for each in _named(mutants, "module")]
    rows += [_row(f"= {each}", [each], mutants, verdicts, "subject") for each in _named(mutants, "subject")]
    rows.append(_row("= all", _named(mutants, "subject"), mutants, verdicts, "subject"))
    heading = f"{'':<45} {'killed':>6} {'of':>5} {'score':>6} {'of which by timeout':>20}"
    return "\n".join([heading, *rows, f"{seconds / 60:.1f} minutes"])


def _named(mutants: list[dict[str, Any]], part: str) -> list[str]:
    return list(dict.fromkeys(each[part] for each in mutants))


def _row(name: str, wanted: list[str], mutants: list[dict[str, Any]], verdicts: dict[int, Verdict], part: str) -> str:
    found = [verdicts[each["number"]] for each in mutants if each[part] in wanted]
    killed = sum(each.is_killed for each in found)
    slow = sum(each.status == "timeout" for each in found)
    return f"{name:<45} {killed:>6} {len(found):>5} {killed / len(found):>6.1%} {slow:>20}"


def compare(mutants: list[dict[str, Any]], verdicts: dict[int, Verdict], *, modules: set[str]) -> int:
    """The exit status: 1 when a survivor is not among the judged ones. Says which of those are none any more, too."""
    survivors = [each for each in mutants if not verdicts[each["number"]].is_killed]
    judged = [each for each in tomllib.loads(JUDGED.read_text()).get("survivor", []) if each["module"] in modules]
    counts = _counted(judged)
    new = []
    for each in survivors:
        key = _key(each)
        counts[key] -= 1
        if counts[key] < 0:
            new.append(each)
    for key in counts.elements():
        print(f"Judged, but no survivor any more: {' | '.join(key)}")
    for each in new:
        detail = verdicts[each["number"]].detail
        print(f"\n# {each['module']}:{each['line']}, survived {detail}\n{_as_toml(each)}")
    print(f"{len(survivors)} survivors, {len(new)} of them judged by nobody.")
    return 1 if new else 0


def _counted(rows: Iterable[dict[str, Any]]) -> collections.Counter[tuple[str, ...]]:
    return collections.Counter(_key(each) for each in rows)


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row[part] for part in KEY)


def _as_toml(mutant: dict[str, Any]) -> str:
    """As it would stand in survivors.toml."""
    lines = [f"{part} = '''{mutant[part]}'''" for part in KEY]
    return "\n".join(["[[survivor]]", *lines, 'judgement = ""'])
