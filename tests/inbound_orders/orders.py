"""Every order in which events can arrive, and a way through all of them that sends a shared beginning once."""

import itertools
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from django.db import transaction

Order = tuple[str, ...]


def orders(left: Mapping[str, int]) -> Iterator[Order]:
    """Each distinct order of the names, every one as often as `left` says."""
    if not any(left.values()):
        yield ()
    for name, count in left.items():
        if count:
            for rest in orders({**left, name: count - 1}):
                yield (name, *rest)


def one_of(each: int, everything: Sequence[Order]) -> list[Order]:
    """About one of `each` orders, the same ones every time, chosen by their hash."""
    return [order for order in everything if zlib.crc32(" ".join(order).encode()) % each == 0]


def walk(
    everything: Sequence[Order], step: Callable[[str, Order], object], end: Callable[[Order], None], sent: Order = ()
) -> None:
    """Call `step` with each name and those before it, and `end` after each whole order, as if every order were alone.

    Requires a transaction, as a test has that is marked with `django_db`: orders that begin alike share their
    beginning, at whose end there is a savepoint to which the database goes back.
    """
    begun = sorted(order for order in everything if order)
    for name, rest in itertools.groupby(begun, key=lambda order: order[0]):
        savepoint = transaction.savepoint()
        step(name, sent)
        walk([order[1:] for order in rest], step, end, (*sent, name))
        transaction.savepoint_rollback(savepoint)
    if () in everything:
        end(sent)
