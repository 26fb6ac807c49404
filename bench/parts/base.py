"""What a part of the benchmark is."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from bench.client import Load
from bench.hot_paths import Shop
from bench.service import Service
from bench.stock import Accepted, Written

OURS = "quittance"


@dataclasses.dataclass(frozen=True)
class Options:
    """How much of everything."""

    rounds: int
    seconds: float
    connections: int
    backlog: int
    peer_backlog: int
    deliveries: int
    pairs_per_second: float
    delivered: int
    memory_backlog: int
    renewals: int
    events_per_second: float


@dataclasses.dataclass(frozen=True)
class Bench:
    """What every part finds running."""

    options: Options
    folder: Path
    service: Service
    shop: Shop
    written: Written
    accepted: Accepted


@dataclasses.dataclass(frozen=True)
class Contender:
    """`measure` does one round. What it does is said in `what`, for the report."""

    name: str
    what: str
    measure: Callable[[], Load]


@dataclasses.dataclass(frozen=True)
class Target:
    """At least `ratio` of `of`'s rate, or at least `rate` per second, by the contender `by`."""

    ratio: float = 0.0
    of: str = ""
    rate: float = 0.0
    by: str = OURS


@dataclasses.dataclass(frozen=True)
class Part:
    """Contenders that take turns in every round; the one called OURS is compared with the others."""

    name: str
    unit: str
    contenders: list[Contender]
    targets: list[Target]


@dataclasses.dataclass(frozen=True)
class Limit:
    """At most `wanted`, which is so many of `what`."""

    what: str
    reached: float
    wanted: float


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a study has found: figures by name, in `unit`, and what they must not exceed."""

    figures: dict[str, float]
    unit: str
    limits: list[Limit]


@dataclasses.dataclass(frozen=True)
class Study:
    """Something that is measured once and has nobody to be compared with."""

    name: str
    measure: Callable[[], Finding]
