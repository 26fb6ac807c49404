"""The threads that send the simulator's due webhooks, and let its late decisions fall."""

import logging
import threading
import time

import httpx

from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.outgoing import OutgoingWebhook

THREADS = 4
TIMEOUT_SECONDS = 10.0
LONGEST_NAP_SECONDS = 0.5
MAX_ANSWER_BYTES = 4096

logger = logging.getLogger(__name__)


class WebhookSender:
    """Webhooks about one charge go out one after the other, those about different charges side by side."""

    def __init__(self, core: SimulatorCore, *, webhook_url: str) -> None:
        self.webhook_url = webhook_url
        """Where webhooks go, from the next try on. While it is empty they wait."""
        self._core = core
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False)
        self._wake = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._run, name=f"webhooks-{n}", daemon=True) for n in range(THREADS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns when no try is under way; what has not been sent waits in the state."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def wake(self) -> None:
        """Something may be due."""
        with self._wake:
            self._wake.notify_all()

    def _run(self) -> None:
        while not self._stopping:
            self._core.advance(now=time.time())
            webhook = self._core.webhooks.take_due(now=time.time()) if self.webhook_url else None
            if webhook is None:
                self._nap()
            else:
                self._send(webhook)

    def _nap(self) -> None:
        with self._wake:
            if not self._stopping:
                self._wake.wait(self._nap_seconds())

    def _nap_seconds(self) -> float:
        due_at = self._core.webhooks.next_due_at() if self.webhook_url else None
        if due_at is None:
            return min(LONGEST_NAP_SECONDS, self._core.dials.settle_seconds or LONGEST_NAP_SECONDS)
        return min(LONGEST_NAP_SECONDS, max(0.005, due_at - time.time()))

    def _send(self, webhook: OutgoingWebhook) -> None:
        status_code, error = None, ""
        headers = webhook.headers(secret=self._core.webhook_secret, now=time.time())
        try:
            with self._client.stream("POST", self.webhook_url, content=webhook.body, headers=headers) as response:
                status_code = response.status_code
                _drain(response)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            error = type(problem).__name__
            logger.info("webhook %s not delivered: %s", webhook.event_id, error)
        self._core.webhooks.record(webhook, status_code=status_code, error=error, now=time.time())
        self.wake()


def _drain(response: httpx.Response) -> None:
    """Read a short answer to its end, so that its connection can be used again."""
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            return
