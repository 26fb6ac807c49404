"""The simulator's outgoing webhooks: queued with the change they tell of, sent when due, again until they arrive."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from payments.providers.simulated import signing
from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.objects import iso
from payments.providers.simulated.simulator.store import Chance, Store

HELD_BACK_SECONDS = 1.0
"""How long a webhook that others should overtake waits when none about the same charge is queued before it."""
BACKOFF_BASE_SECONDS = 0.25
BACKOFF_CAP_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class OutgoingWebhook:
    """One copy of one event, claimed for one try. `n` identifies the copy, `event_id` the event."""

    n: int
    event_id: str
    type: str
    body: bytes
    tries: int

    def headers(self, *, secret: str, now: float) -> dict[str, str]:
        """What is sent beside `body`: each try is signed anew."""
        signature = signing.headers_for(body=self.body, secret=secret, timestamp=int(now))
        return {"Content-Type": "application/json", **signature}


class WebhookQueue:
    """Order is (due_at, rank); dials bend it. Copies that were being sent when the process died are sent again."""

    def __init__(self, *, store: Store, account: str, chance: Chance, dials: Callable[[], Dials]) -> None:
        self._store = store
        self._account = account
        self._chance = chance
        self._dials = dials
        store.execute("UPDATE webhooks SET state = 'waiting' WHERE state = 'in_flight'")

    def queue(self, *, type: str, charge: str, data: dict[str, Any], now: float) -> None:
        """Queue an event about `charge`, in the caller's transaction."""
        dials = self._dials()
        event_id = self._chance.new_id("evt")
        body = {"id": event_id, "type": type, "created_at": iso(now), "account": self._account, "data": data}
        dropped = self._chance.happens(dials.drop)
        copies = 1 + (dials.duplicate_copies if self._chance.happens(dials.duplicate) else 0)
        for _ in range(copies):
            self._insert(event_id, type, charge, json.dumps(body).encode(), dropped=dropped, now=now)

    def _insert(self, event_id: str, type: str, charge: str, body: bytes, *, dropped: bool, now: float) -> None:
        rank = self._store.count_up("rank")
        n = self._store.insert(
            "webhooks",
            event_id=event_id,
            type=type,
            charge=charge,
            body=body,
            state="dropped" if dropped else "waiting",
            due_at=now + self._dials().delay_seconds,
            rank=rank,
            tries=0,
        )
        if not dropped and self._chance.happens(self._dials().reorder):
            self._let_overtake(n, charge=charge)

    def _let_overtake(self, n: int, *, charge: str) -> None:
        """Change places with the webhook about the same charge that waits before this one, else be held back."""
        mine = self._store.first("SELECT * FROM webhooks WHERE n = :n", n=n)
        other = self._store.first(
            "SELECT * FROM webhooks WHERE state = 'waiting' AND tries = 0 AND n < :n AND charge = :charge"
            " ORDER BY n DESC LIMIT 1",
            n=n,
            charge=charge,
        )
        assert mine is not None
        if other is None:
            self._move(n, due_at=mine["due_at"] + HELD_BACK_SECONDS, rank=mine["rank"])
        elif (other["due_at"], other["rank"]) < (mine["due_at"], mine["rank"]):
            self._move(n, due_at=other["due_at"], rank=other["rank"])
            self._move(other["n"], due_at=mine["due_at"], rank=mine["rank"])

    def _move(self, n: int, *, due_at: float, rank: int) -> None:
        self._store.execute(
            "UPDATE webhooks SET due_at = :due_at, rank = :rank WHERE n = :n", n=n, due_at=due_at, rank=rank
        )

    def take_due(self, *, now: float) -> OutgoingWebhook | None:
        """Claim the next webhook to send; never two about one charge at once. `record` must follow."""
        with self._store.transaction():
            row = self._store.first(
                "SELECT * FROM webhooks WHERE state = 'waiting' AND due_at <= :now AND charge NOT IN"
                " (SELECT charge FROM webhooks WHERE state = 'in_flight') ORDER BY due_at, rank LIMIT 1",
                now=now,
            )
            if row is None:
                return None
            self._store.execute("UPDATE webhooks SET state = 'in_flight' WHERE n = :n", n=row["n"])
        return OutgoingWebhook(row["n"], row["event_id"], row["type"], row["body"], row["tries"])

    def record(self, webhook: OutgoingWebhook, *, status_code: int | None, error: str = "", now: float) -> None:
        """How the try went: delivered on 2xx, else due again after 0.25 s × 2ⁿ, at most 60 s, for ever."""
        delivered = status_code is not None and 200 <= status_code < 300
        backoff = min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2 ** min(webhook.tries, 20))
        with self._store.transaction():
            self._store.insert("deliveries", webhook=webhook.n, at=now, status_code=status_code, error=error)
            self._store.execute(
                "UPDATE webhooks SET tries = tries + 1, state = :state, due_at = :due_at WHERE n = :n",
                n=webhook.n,
                state="delivered" if delivered else "waiting",
                due_at=now + backoff,
            )

    def resend(self, event_id: str, *, copies: int, now: float) -> bool:
        """Queue more copies of an event, due at once, whatever the dials say. False when there is no such event."""
        with self._store.transaction():
            row = self._store.first("SELECT * FROM webhooks WHERE event_id = :id LIMIT 1", id=event_id)
            if row is None:
                return False
            columns = {"event_id": event_id, "type": row["type"], "charge": row["charge"], "body": row["body"]}
            for _ in range(copies):
                rank = self._store.count_up("rank")
                self._store.insert("webhooks", **columns, state="waiting", due_at=now, rank=rank, tries=0)
        return True

    def next_due_at(self) -> float | None:
        """When the next waiting webhook may be sent, Unix seconds; None when none waits."""
        row = self._store.first("SELECT MIN(due_at) AS due_at FROM webhooks WHERE state = 'waiting'")
        return None if row is None else row["due_at"]

    def unfinished(self) -> int:
        """How many copies wait or are being sent."""
        row = self._store.first("SELECT COUNT(*) AS count FROM webhooks WHERE state IN ('waiting', 'in_flight')")
        return 0 if row is None else int(row["count"])

    def shown(self, *, after: int, limit: int) -> list[dict[str, Any]]:
        """Copies with their deliveries, oldest first, from number `after` on."""
        rows = self._store.all(
            "SELECT * FROM webhooks WHERE n > :after ORDER BY n LIMIT :limit", after=after, limit=limit
        )
        return [self._shown_copy(row) for row in rows]

    def _shown_copy(self, row: Any) -> dict[str, Any]:
        deliveries = self._store.all("SELECT * FROM deliveries WHERE webhook = :n ORDER BY n", n=row["n"])
        return {
            "number": row["n"],
            "id": row["event_id"],
            "type": row["type"],
            "charge": row["charge"],
            "state": row["state"],
            "due_at": iso(row["due_at"]),
            "body": json.loads(row["body"]),
            "deliveries": [
                {"at": iso(each["at"]), "status_code": each["status_code"], "error": each["error"]}
                for each in deliveries
            ],
        }
