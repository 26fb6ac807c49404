"""The base of every typed event payload. Each app keeps its own in its `events.py`."""

import fnmatch
import functools
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """What happened, as subscribers read it. Subclasses set `type`, "<object>.<past participle>", and their fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    version: ClassVar[int] = 1


@functools.lru_cache(maxsize=4096)
def matches(event_type: str, patterns: tuple[str, ...]) -> bool:
    """Whether any of `patterns` names the type: * stands for anything, as in "invoice.*"."""
    return any(fnmatch.fnmatchcase(event_type, pattern) for pattern in patterns)
