"""A seed is a schedule of moves, and a run of it; one that breaks a promise becomes the shortest that breaks it."""

from __future__ import annotations

import dataclasses
import random
import re
from collections import Counter
from collections.abc import Sequence

from tests.simulation import promises
from tests.simulation.moves import make_any, make_meanwhile
from tests.simulation.settling import compare_books, settle
from tests.simulation.virtual import EPOCH, VirtualTime
from tests.simulation.world import Template, World

MOVES_A_SEED = 50
FEW_STEPS = 50


@dataclasses.dataclass(frozen=True)
class Outcome:
    """`kept` are the numbers of the moves that were made, `violations` what was wrong first.

    `tally` counts what went wrong with processes, and the states that anything has been in.
    """

    seed: int
    kept: tuple[int, ...]
    violations: list[str]
    trace: list[str]
    tally: Counter[str]

    @property
    def kind(self) -> str:
        """What sort of violation it was, whatever rows it was about."""
        return re.sub(r"\w+_\w{20,}|\d+", "…", self.violations[0]) if self.violations else ""


def run(clock: VirtualTime, template: Template, *, seed: int, kept: Sequence[int] = range(MOVES_A_SEED)) -> Outcome:
    """Make those moves of `seed` whose numbers are `kept`; then let everything end."""
    kept = tuple(kept)
    template.restore()
    clock.start_over()

    def meanwhile(rng: random.Random) -> None:
        for _ in range(rng.randint(1, 3)):
            make_meanwhile(world, rng)

    world = World(seed=seed, clock=clock, consumer=template.consumer, meanwhile=meanwhile)
    with world.running():
        violations = _make(world, seed, kept)
        world.tally.update(promises.reached())
    world.tally["steps"] += world.processes.steps
    world.tally[f"seeds of fewer than {FEW_STEPS} steps"] += world.processes.steps < FEW_STEPS
    return Outcome(seed, kept, violations, world.trace, world.tally)


def _make(world: World, seed: int, kept: Sequence[int]) -> list[str]:
    watch = promises.Watch(world)
    for number in kept:
        random.seed(f"{seed}:{number}")
        _make_one(world, number, random.Random(f"{seed}:{number}"))
        if violations := list(watch.look()):
            return violations
    world.trace.append("settling")
    settle(world)
    unsettled = list(promises.without_its_books(world.core))
    compare_books(world)
    return unsettled + list(promises.at_the_end(world))


def _make_one(world: World, number: int, rng: random.Random) -> None:
    """A move that finds nothing to do is none: another one is made."""
    told = len(world.trace)
    while len(world.trace) == told:
        move = make_any(world, rng)
    world.tally["moves"] += 1
    world.tally[f"times {move.__name__}"] += 1
    world.trace.insert(told, f"{number:3} {move.__name__} at {world.clock.now - EPOCH:.1f} s")


def shrink(clock: VirtualTime, template: Template, found: Outcome) -> Outcome:
    """The same kind of violation by fewer moves: halves are left out, then quarters, then single moves."""
    size = max(1, len(found.kept) // 2)
    while True:
        for start in range(0, len(found.kept), size):
            kept = found.kept[:start] + found.kept[start + size :]
            again = run(clock, template, seed=found.seed, kept=kept)
            if again.kind == found.kind:
                found = again
                break
        else:
            if size == 1:
                return found
            size //= 2
