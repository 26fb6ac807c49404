"""Connections that neither threads nor forks may share."""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Thing = TypeVar("Thing")

_inherited: list[object] = []
"""Kept for ever: letting go of a parent's connection in a fork of it would close it for the parent, or wait for threads
that a fork does not have."""


class Owned(Generic[Thing]):
    """Made by each thread of each process when it first needs one, and again after it was dropped."""

    def __init__(self, make: Callable[[], Thing]) -> None:
        self._make = make
        self._held = threading.local()

    def get(self) -> Thing:
        pid, thing = getattr(self._held, "made", (0, None))
        if thing is None or pid != os.getpid():
            _inherited.extend([] if thing is None else [thing])
            thing = self._make()
            self._held.made = (os.getpid(), thing)
        return thing

    def drop(self) -> None:
        """The next `get` makes another; closing this one is the caller's."""
        self._held.made = (0, None)
