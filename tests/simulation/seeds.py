"""Many seeds in one process, or one of them as it happened. Django is set up here, as nobody else has done it."""

import collections
import gc
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.schedule import Outcome

BROKEN = "seeds that break a promise"


def run_all(seeds: Sequence[int], *, length: int, enough: int) -> "collections.Counter[str]":
    """What was counted in all of them, of `length` moves each.

    One that breaks a promise is told as soon as it has been shrunk.
    """
    _set_up()
    from tests.simulation import schedule
    from tests.simulation.world import virtual_process

    tally = collections.Counter({BROKEN: 0})
    with virtual_process() as (clock, template):
        gc.freeze()  # what is loaded stays: going through it again and again costs a tenth of a seed
        for seed in seeds:
            outcome = schedule.run(clock, template, seed=seed, kept=range(length))
            tally.update(outcome.tally)
            tally["seeds"] += 1
            if outcome.violations:
                tally[BROKEN] += 1
                _tell(schedule.shrink(clock, template, outcome))
            if tally[BROKEN] == enough:
                break
    return tally


def replay(seed: int, moves: Sequence[int]) -> bool:
    """Prints all that happened; whether nothing was wrong."""
    _set_up()
    from tests.simulation import schedule
    from tests.simulation.world import virtual_process

    with virtual_process() as (clock, template):
        outcome = schedule.run(clock, template, seed=seed, kept=moves)
    print(*outcome.trace, *(outcome.violations or [f"seed {seed}: nothing is wrong"]), sep="\n")
    return not outcome.violations


def _tell(outcome: "Outcome") -> None:
    moves = ",".join(map(str, outcome.kept))
    print(
        f"seed {outcome.seed} breaks a promise:",
        *outcome.violations,
        f"shrunk to {len(outcome.kept)} moves; again: python -m tests.simulation --seed {outcome.seed} --moves={moves}",
        *outcome.trace,
        "",
        sep="\n",
        flush=True,
    )


def _set_up() -> None:
    import django

    os.environ.update(
        DJANGO_SETTINGS_MODULE="tests.simulation.settings", DATABASE_URL="sqlite://:memory:", REDIS_URL=""
    )
    django.setup()
