"""An in-memory broker between `config.celery.nudge` and workers: it loses, repeats and mixes up messages."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import redis.exceptions

LOSES, REPEATS = 0.1, 0.1


@dataclasses.dataclass(frozen=True)
class Message:
    task: str
    args: tuple[Any, ...]


class Broker:
    def __init__(self, *, step: Callable[..., Any]) -> None:
        """`step` is what a process passes when it talks to the broker: `Processes.pass_step`."""
        self._step = step
        self.messages: list[Message] = []
        self.is_reliable = False

    def send(self, task: str, args: tuple[Any, ...]) -> None:
        """In the place of `config.celery._send`."""
        message = Message(task, args)
        self._step("message", f"sending {task}", lambda: self.messages.append(message), faults={"refused": _refuse})

    def take(self, rng: random.Random) -> Message | None:
        """Any of the messages, not the oldest; or none, for one of them is lost now."""
        if not self.messages:
            return None
        message = self.messages.pop(rng.randrange(len(self.messages)))
        if self.is_reliable:
            return message
        chance = rng.random()
        if chance < REPEATS:
            self.messages.append(message)
        return None if chance > 1 - LOSES else message


def _refuse() -> None:
    raise redis.exceptions.ConnectionError("refused")
