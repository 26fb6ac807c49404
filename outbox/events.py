"""The base of every typed event payload. Each app keeps its own in its `events.py`."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """What happened, as subscribers read it. Subclasses set `type`, "<object>.<past participle>", and their fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ClassVar[str]
    version: ClassVar[int] = 1
