"""How many deliveries may be under way to one endpoint at a time: who is slow must not keep the threads from others."""

import collections
import dataclasses

from webhooks.outbound.models import Endpoint

SLOW_SECONDS = 1.0
"""An answer that takes longer holds a thread that others could use."""


@dataclasses.dataclass
class Pace:
    """What this process has seen of one endpoint. Each quick success raises `limit` by one, else it is one again."""

    limit: int = 1
    is_proven: bool = False
    is_failing: bool = False
    under_way: int = 0

    def learn(self, *, succeeded: bool, seconds: float, most: int) -> None:
        """What came of one delivery, which is not under way any more."""
        self.under_way -= 1
        self.is_failing = not succeeded
        self.is_proven = succeeded and seconds < SLOW_SECONDS
        self.limit = min(self.limit + 1, most) if self.is_proven else 1


class Paces:
    """Shares `threads`: one endpoint has half of them at most, all that nobody has found quick yet together half, and
    all that are failing a quarter.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._paces: dict[str, Pace] = collections.defaultdict(Pace)

    def room_for(self, endpoint: Endpoint) -> int:
        """How many more may be sent to it now."""
        pace = self._paces[endpoint.id]
        room = pace.limit - pace.under_way
        if pace.is_proven:
            return room
        pace.is_failing |= endpoint.failing_since is not None
        share = self._threads // 4 if pace.is_failing else self._threads // 2
        return min(room, share - self._under_way_to_those_like(pace))

    def begin(self, endpoint: Endpoint) -> None:
        self._paces[endpoint.id].under_way += 1

    def end(self, endpoint: Endpoint, *, succeeded: bool, seconds: float) -> None:
        self._paces[endpoint.id].learn(succeeded=succeeded, seconds=seconds, most=self._threads // 2)

    def is_proven(self, endpoint: Endpoint) -> bool:
        """Whether its latest answer was a quick success."""
        return self._paces[endpoint.id].is_proven

    def _under_way_to_those_like(self, like: Pace) -> int:
        unproven = (pace for pace in self._paces.values() if not pace.is_proven)
        return sum(pace.under_way for pace in unproven if pace.is_failing == like.is_failing)
