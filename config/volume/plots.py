"""What may have happened to an invoice, and how often each of it happens."""

import random
from collections.abc import Callable
from typing import NamedTuple

from config.volume.attempts import Attempt
from config.volume.stories import DAY, Story
from payments.providers.base import Provider
from payments.providers.simulated.declines import DECLINES

SOFT = [code for code, decline in DECLINES.items() if decline.retryable]
HARD = [code for code, decline in DECLINES.items() if not decline.retryable]


class Cast(NamedTuple):
    """Who takes part: the provider of cards and the one of bank transfers (perhaps the same), and what time it is."""

    card: Provider
    bank: Provider
    now: int
    """Unix milliseconds."""


def _open(story: Story, cast: Cast) -> None:
    """Nobody has tried to pay it."""


def _paid(story: Story, cast: Cast) -> None:
    Attempt(story, cast.card, "tok_visa").succeed()


def _paid_by_transfer(story: Story, cast: Cast) -> None:
    Attempt(story, cast.bank, "").succeed()


def _declined(story: Story, cast: Cast) -> None:
    Attempt(story, cast.card, "tok_declined_insufficient_funds").decline(story.rng.choice(SOFT))


def _paid_in_the_end(story: Story, cast: Cast) -> None:
    for _ in range(story.rng.randint(1, 3)):
        _declined(story, cast)
    _paid(story, cast)


def _failed(story: Story, cast: Cast) -> None:
    Attempt(story, cast.card, "tok_declined_stolen").decline(story.rng.choice(HARD))


def _voided(story: Story, cast: Cast) -> None:
    if story.rng.random() < 0.3:
        _failed(story, cast)
    story.void()


def _canceled(story: Story, cast: Cast) -> None:
    Attempt(story, cast.card, "tok_pending").cancel()


def _awaits_transfer(story: Story, cast: Cast) -> None:
    Attempt(story, cast.bank, "").wait()


def _unknown(story: Story, cast: Cast) -> None:
    """The provider is asked again within the coming days: nothing is due at once."""
    Attempt(story, cast.card, "tok_timeout_always").lose(cast.now + story.rng.randint(DAY, 7 * DAY))


def _in_review(story: Story, cast: Cast) -> None:
    Attempt(story, cast.card, "tok_wrong_amount").review()


def _paid_twice(story: Story, cast: Cast) -> None:
    """What had been canceled was captured after all, when another payment had paid."""
    first = Attempt(story, cast.card, "tok_pending")
    first.cancel()
    _paid(story, cast)
    first.capture_late()


PLOTS: dict[Callable[[Story, Cast], None], int] = {
    _paid: 700,
    _paid_in_the_end: 80,
    _paid_by_transfer: 50,
    _open: 60,
    _declined: 30,
    _failed: 30,
    _voided: 20,
    _awaits_transfer: 15,
    _canceled: 6,
    _unknown: 3,
    _in_review: 3,
    _paid_twice: 3,
}
"""Of a thousand invoices."""


def play(story: Story, cast: Cast, rng: random.Random) -> None:
    """One plot by its frequency, and the end."""
    plot = rng.choices(list(PLOTS), list(PLOTS.values()))[0]
    plot(story, cast)
    story.end()
