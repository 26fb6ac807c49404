"""What a plan's `features` say: switches, and what may be used how much of in one period."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from config.kernel import money
from config.kernel.errors import FieldError

MAX_FEATURES = 100
MAX_LIMIT = 10**15
MAX_USED = 10**18
"""Of what has no limit, in one period: well inside what the database counts."""
MAX_UNITS = 2**31 - 1
"""What the quantity of an invoice's line takes."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_SIZE = re.compile(r"([0-9]{1,12}) ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}


@dataclasses.dataclass(frozen=True)
class Overage:
    """What is used over the limit costs `unit_amount` minor units for each `per` begun."""

    unit_amount: int
    per: int = 1

    def units(self, used: int, limit: int) -> int:
        """How many times `unit_amount` is owed."""
        return -(-max(used - limit, 0) // self.per)

    def most_units(self, amount: int) -> int:
        """How many times it may be owed where all of it may cost `amount`."""
        return min(amount // self.unit_amount, MAX_UNITS)


@dataclasses.dataclass(frozen=True)
class Feature:
    """A metered one has a `limit` (bytes where it was a size), or None where it has no end; a switch is on or off."""

    name: str
    is_metered: bool
    is_enabled: bool = True
    limit: int | None = None
    overage: Overage | None = None

    def most(self, overage_amount: int) -> int:
        """How much of a metered one may be used in a period where what is over its limit may cost `overage_amount`."""
        if self.limit is None:
            return MAX_USED
        if self.overage is None:
            return self.limit
        return min(self.limit + self.overage.most_units(overage_amount) * self.overage.per, MAX_USED)


def overage_amount(features: Mapping[str, Feature], *, price: int) -> int:
    """What the overage of each feature may cost in one period, so that one invoice takes it all with the plan's price.

    Half of what an invoice takes, or what the price leaves of it, in equal parts.
    """
    priced = sum(each.overage is not None for each in features.values())
    return min(money.MAX_AMOUNT // 2, money.MAX_AMOUNT - price) // max(priced, 1)


def read(features: Mapping[str, Any]) -> dict[str, Feature]:
    """The features of a plan's version, by name."""
    return {name: _read_one(name, value) for name, value in features.items()}


def problems(features: Mapping[str, Any]) -> Iterator[FieldError]:
    """What is wrong with features that somebody sends."""
    if len(features) > MAX_FEATURES:
        yield FieldError("features", "too_many", f"Send at most {MAX_FEATURES} features.")
    for name, value in features.items():
        detail = _problem(name, value)
        if detail:
            yield FieldError(f"features.{name}", "invalid_feature", detail)


def _read_one(name: str, value: Any) -> Feature:
    if isinstance(value, bool):
        return Feature(name, is_metered=False, is_enabled=value)
    if "enabled" in value:
        return Feature(name, is_metered=False, is_enabled=value["enabled"])
    overage = value.get("overage")
    return Feature(name, is_metered=True, limit=_limit(value["limit"]), overage=Overage(**overage) if overage else None)


def _limit(value: int | str | None) -> int | None:
    if not isinstance(value, str):
        return value
    size = _SIZE.fullmatch(value)
    assert size is not None, value
    return int(size[1]) * _BYTES[size[2]]


def _problem(name: str, value: Any) -> str:
    if not _NAME.fullmatch(name):
        return "Name features in lower case: letters, digits and underscores, at most 50."
    if isinstance(value, bool) or (isinstance(value, dict) and [*value] == ["enabled"] and _is_bool(value["enabled"])):
        return ""
    if not isinstance(value, dict) or "limit" not in value or not set(value) <= {"limit", "overage"}:
        return 'Send true, false, {"enabled": …}, {"limit": …} or {"limit": …, "overage": {…}}.'
    return _limit_problem(value["limit"]) or _overage_problem(value)


def _limit_problem(limit: Any) -> str:
    if limit is None:
        return ""
    if isinstance(limit, str) and _SIZE.fullmatch(limit):
        limit = _limit(limit)
    if isinstance(limit, int) and not isinstance(limit, bool) and 0 <= limit <= MAX_LIMIT:
        return ""
    return f'Send as limit an integer from 0 to {MAX_LIMIT}, a size such as "1GB" or "512MiB", or null for no limit.'


def _overage_problem(value: Mapping[str, Any]) -> str:
    if "overage" not in value:
        return ""
    overage = value["overage"]
    is_priced = isinstance(overage, dict) and {"unit_amount"} <= set(overage) <= {"unit_amount", "per"}
    if not is_priced or not _is_count(overage["unit_amount"], money.MAX_AMOUNT):
        return 'Send as overage {"unit_amount": minor units, "per": how much of it that pays for}.'
    if not _is_count(overage.get("per", 1), MAX_LIMIT):
        return f"Send as per an integer from 1 to {MAX_LIMIT}."
    return "" if value["limit"] is not None else "What has no limit has no overage."


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
