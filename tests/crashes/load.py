"""Clients that create invoices, void, pay, cancel and refund, and send again, with its key, what got no answer."""

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx

TOKENS = {
    "tok_visa": 10,
    "tok_declined_insufficient_funds": 3,
    "tok_declined_stolen": 1,
    "tok_async": 2,
    "tok_async_declined": 1,
    "tok_pending": 3,
    "tok_timeout_before": 1,
    "tok_timeout_after": 1,
    "tok_5xx": 1,
    "tok_5xx_after": 1,
    "tok_garbage_answer": 1,
    "tok_refund_fails": 1,
}
"""How they pay, and how often of each other."""
ENDED = {"succeeded", "failed", "canceled", "refunded"}
PAUSE_SECONDS = 0.1
"""Before something is sent again, and between looks at a payment."""
WATCH_SECONDS = 5.0
"""How long a client watches a payment before it goes on without knowing its end."""
LAST_ANSWER_SECONDS = 120.0
"""After this long without an answer a request counts as never answered."""


class Client(threading.Thread):
    """One back end. `made` are the ids of what it was told exists; `wrong` what it should never have been told."""

    def __init__(self, *, base_url: str, api_key: str, seed: str, stopping: threading.Event) -> None:
        super().__init__(daemon=True)
        self.made: set[str] = set()
        self.wrong: list[str] = []
        self.answered = self.unanswered = self.unavailable = 0
        self._stopping = stopping
        self._chance = random.Random(seed)
        headers = {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.Client(base_url=f"{base_url}/api/v1/", headers=headers, timeout=20, trust_env=False)

    def run(self) -> None:
        try:
            while not self._stopping.is_set() and not self.wrong:
                self._shop()
        except Exception as error:
            self.wrong.append(repr(error))
        finally:
            self._http.close()

    def _shop(self) -> None:
        invoice = self._create("invoices", {"amount": self._chance.randint(100, 99_999), "currency": "EUR"})
        if self._chance.random() < 0.1:
            self._expect(self._send("POST", f"invoices/{invoice['id']}/void"), 200, 409)
            return
        token = self._chance.choices(list(TOKENS), list(TOKENS.values()))[0]
        payment = self._create(f"invoices/{invoice['id']}/pay", {"payment_method": token})
        if token == "tok_pending" or self._chance.random() < 0.1:
            self._cancel(payment)
        if self._watch(payment)["status"] == "succeeded" and self._chance.random() < 0.6:
            self._refund(payment)

    def _create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What was made, once; now and then it is asked for again, which must change nothing."""
        key = f"{self._chance.getrandbits(64):x}"
        made = self._made(self._send("POST", path, body, key), 201, 200)
        if self._chance.random() < 0.1:
            again = self._made(self._send("POST", path, body, key), 200)
            if again["id"] != made["id"]:
                self.wrong.append(f"{path} made {made['id']}, and {again['id']} with the same key")
        return made

    def _made(self, response: httpx.Response, *expected: int) -> dict[str, Any]:
        self._expect(response, *expected)
        body: dict[str, Any] = response.json()
        self.made.add(body["id"])
        return body

    def _cancel(self, payment: dict[str, Any]) -> None:
        """At once, or when the provider may know of it."""
        if self._chance.random() < 0.7:
            self._watch(payment, until={"processing", "unknown"} | ENDED)
        self._expect(self._send("POST", f"payments/{payment['id']}/cancel"), 200, 202, 409)

    def _refund(self, payment: dict[str, Any]) -> None:
        """Two equal parts, which are two refunds, or all of it."""
        body = {"amount": payment["amount"] // 3} if self._chance.random() < 0.5 else {}
        for _ in range(2 if body else 1):
            self._create(f"payments/{payment['id']}/refund", body)

    def _watch(self, payment: dict[str, Any], until: set[str] = ENDED) -> dict[str, Any]:
        deadline = time.monotonic() + WATCH_SECONDS
        while True:
            response = self._send("GET", f"payments/{payment['id']}")
            self._expect(response, 200)
            seen: dict[str, Any] = response.json()
            if seen["status"] in until or time.monotonic() > deadline or self._stopping.is_set():
                return seen
            time.sleep(PAUSE_SECONDS)

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> httpx.Response:
        """The answer, which is not that there is nobody there."""
        headers = {"Idempotency-Key": key} if key else {}
        deadline = time.monotonic() + LAST_ANSWER_SECONDS
        while time.monotonic() < deadline:
            try:
                response = self._http.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                self.unanswered += 1
            else:
                if response.status_code != 503:
                    self.answered += 1
                    return response
                self.unavailable += 1
                if "Retry-After" not in response.headers or response.json()["code"] != "unavailable":
                    self.wrong.append(f"{method} {path}: a 503 without what belongs to it: {response.text[:300]}")
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"{method} {path} was never answered")

    def _expect(self, response: httpx.Response, *expected: int) -> None:
        if response.status_code not in expected:
            asked = f"{response.request.method} {response.request.url.path}"
            raise AssertionError(f"{asked}: {response.status_code} {response.text[:500]}")


class Load:
    """What all clients together were told."""

    def __init__(self, clients: list[Client], stopping: threading.Event) -> None:
        self._clients = clients
        self._stopping = stopping

    @property
    def made(self) -> set[str]:
        return {each for client in self._clients for each in client.made}

    @property
    def wrong(self) -> list[str]:
        return [each for client in self._clients for each in client.wrong]

    @property
    def is_over(self) -> bool:
        """Everybody has got the last answer."""
        return not any(client.is_alive() for client in self._clients)

    @property
    def answered(self) -> int:
        """Requests that got another answer than to come back."""
        return sum(client.answered for client in self._clients)

    @property
    def unanswered(self) -> int:
        """Requests whose connection was refused or broke off."""
        return sum(client.unanswered for client in self._clients)

    @property
    def unavailable(self) -> int:
        """Requests that were told to come back."""
        return sum(client.unavailable for client in self._clients)

    def end(self) -> None:
        """Nobody begins anything new."""
        self._stopping.set()

    def __str__(self) -> str:
        return (
            f"{self.answered} requests answered, {self.unanswered} without an answer, "
            f"{self.unavailable} told to come back"
        )


@contextlib.contextmanager
def load(*, base_url: str, api_key: str, seed: int, clients: int) -> Iterator[Load]:
    """`clients` at work until `end`."""
    stopping = threading.Event()
    threads = [
        Client(base_url=base_url, api_key=api_key, seed=f"{seed}/{number}", stopping=stopping)
        for number in range(clients)
    ]
    for each in threads:
        each.start()
    try:
        yield Load(threads, stopping)
    finally:
        stopping.set()
        for each in threads:
            each.join(LAST_ANSWER_SECONDS)
