"""How much is tried: a few cases, the same every time, or many random ones whose seed is printed."""

import itertools
import os
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

EFFORTS = pytest.mark.parametrize("effort", ["short", pytest.param("long", marks=pytest.mark.long)])
"""Every fuzz test runs in both."""

_SHARED = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
_PROFILES = {
    "short": settings(_SHARED, max_examples=6, derandomize=True, phases=[Phase.explicit, Phase.generate]),
    "long": settings(_SHARED, max_examples=1_000, phases=[Phase.explicit, Phase.generate, Phase.shrink]),
}


def fresh_seed() -> int:
    """FUZZ_SEED, which repeats a run, or a new one; printed, so that a failure shows it."""
    number = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(10**9))
    print(f"FUZZ_SEED={number}")
    return number


T = TypeVar("T")


def some_of(effort: str, cases: Iterable[T], *, each: int) -> Iterator[T]:
    """All of `cases`, or in a short run one of `each`: a prime, so that every part of a product gets its turn."""
    return itertools.islice(cases, 0, None, 1 if effort == "long" else each)


def try_out(effort: str, check: Callable[..., None], **strategies: Any) -> None:
    """Call `check` with what `strategies` draw for each of its arguments, as often as `effort` says."""
    attempt = settings(_PROFILES[effort])(given(**strategies)(check))
    if effort == "long":
        attempt = seed(fresh_seed())(attempt)
    attempt()
