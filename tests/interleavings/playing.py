"""Two operations played against each other, point by point, in a world made for each time."""

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from functools import partial
from typing import Any

from config.kernel import clock, db
from payments import services
from payments.providers.simulated.simulator.core import SimulatorCore
from tests.interleavings.actors import END, Actor, Stand, advance
from tests.interleavings.operations import told
from tests.interleavings.outcomes import violations, what_counts
from tests.interleavings.provider import connected_core
from tests.interleavings.worlds import SETTINGS, take
from webhooks.inbound import services as inbound
from webhooks.inbound.models import ProviderEvent
from webhooks.inbound.states import WAITING

CROSSED = (
    # A wish to cancel comes while the payment is being sent, for the first time or again: the provider decides.
    {"submit": "applied", "cancel": "ok"},
    {"reconcile": "applied", "cancel": "ok"},
    # The webhook of what the provider has just done is faster than its answer.
    {"submit": "stale", "webhook": "processed"},
    {"reconcile": "stale", "webhook": "processed"},
    {"submit refund": "stale", "webhook": "processed"},
    # Both have seen that nobody has booked the charge. The second is refused by the database, stored and tried again.
    {"webhook": "processed", "webhook elsewhere": "received"},
    {"webhook": "received", "webhook elsewhere": "processed"},
    {"reconcile": "applied", "webhook elsewhere": "received"},
)
"""What two are told only if neither came after the other."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two operations in a setting, of which the first begins."""

    setting: str
    first: str
    second: str

    @property
    def reversed(self) -> "Pair":
        return Pair(self.setting, self.second, self.first)


@dataclasses.dataclass(frozen=True)
class Played:
    """How it ended. `was_last`: the second operation could not have been made to go further before the first."""

    counts: list[dict[str, Any]]
    answers: tuple[str, str]
    problems: list[str]
    points: tuple[list[str], list[str]]
    was_last: bool


class Stage:
    """Plays, one after the other."""

    def __init__(self, core: SimulatorCore, first: Actor, second: Actor) -> None:
        self._core = core
        self._first = first
        self._second = second
        self._ran_again: list[object] = []
        self._alone: dict[Pair, Played] = {}

    def play(self, pair: Pair, i: int | None, j: int | None) -> Played:
        """The first goes to its i-th point, the second to its j-th, the first to its end, the second to its end.

        After that comes the sweep that takes up what somebody held and events that could not be applied.
        """
        take(self._core)
        began_at = clock.now()
        world, first, second = SETTINGS[pair.setting].make(self._core), self._first, self._second
        self._ran_again.clear()
        first.begin(partial(told, pair.first, world), halt_at=i)
        first.stand()
        second.begin(partial(told, pair.second, world), halt_at=j)
        was_held_up = advance(second, other=first, halt_at=j)
        was_last = was_held_up or second.stand() is Stand.ENDED
        advance(first, other=second, halt_at=END)
        advance(second, other=first, halt_at=END)
        _sweep(since=began_at)
        problems = [*self._surfaced(), *(f"a transaction ran again: {code}" for code in self._ran_again)]
        answers = str(first.answer()), str(second.answer())
        return Played(
            what_counts(world), answers, [*problems, *violations(world)], (first.points, second.points), was_last
        )

    def _surfaced(self) -> list[str]:
        """Errors that are no answer."""
        answers = [self._first.answer(), self._second.answer()]
        return [f"{type(answer).__name__}: {answer}" for answer in answers if isinstance(answer, BaseException)]

    def one_after_the_other(self, pair: Pair) -> Played:
        """The first to its end, then the second; played once."""
        if pair not in self._alone:
            self._alone[pair] = self.play(pair, END, END)
        return self._alone[pair]

    def problems(self, pair: Pair, played: Played) -> list[str]:
        """What is wrong with how it ended: nothing when it might have ended so one after the other."""
        ends = [self.one_after_the_other(pair), self.one_after_the_other(pair.reversed)]
        problems = [*played.problems, *ends[0].problems, *ends[1].problems]
        if played.counts not in [end.counts for end in ends]:
            problems.append(f"no order ends so: {_differing(played.counts, *(end.counts for end in ends))}")
        orders = (ends[0].counts, ends[0].answers), (ends[1].counts, ends[1].answers[::-1])
        told = {pair.first: played.answers[0], pair.second: played.answers[1]}
        if (played.counts, played.answers) not in orders and told not in CROSSED:
            problems.append(f"no order that ends so says so: {told}")
        return problems

    def note(self, *, code: object, **_: object) -> None:
        """The database has rolled a transaction back."""
        self._ran_again.append(code)


def _sweep(*, since: datetime.datetime) -> None:
    """Of events only what has come since then."""
    waiting = ProviderEvent.objects.filter(status__in=WAITING, received_at__gte=since)
    waiting.update(available_at=clock.now())
    inbound.sweep()
    services.retry_due()


def _differing(*ends: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each invoice what is not the same in all of them."""
    merged = [{name: [of[name] for of in each] for name in each[0]} for each in zip(*ends, strict=True)]
    return [{name: values for name, values in of.items() if values.count(values[0]) < len(values)} for of in merged]


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """With a provider and two actors of its own."""
    with connected_core() as core, contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(contextlib.closing(Actor())) for _ in range(2))
        made = Stage(core, first, second)
        db.runs_again.connect(made.note)
        stack.callback(db.runs_again.disconnect, made.note)
        yield made
