"""One who calls the simulator as a merchant or over its control API."""

import http.client
import json
import urllib.parse
from typing import Any

from payments.providers.simulated.simulator.server import SimulatorServer

CHARGE = {"amount": 1000, "currency": "EUR", "payment_method": "tok_visa", "reference": "pay_1"}


class Caller:
    """One keep-alive connection to the simulator."""

    def __init__(self, simulator: SimulatorServer) -> None:
        address = urllib.parse.urlsplit(simulator.url)
        self.connection = http.client.HTTPConnection(address.netloc, timeout=5)

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, raw: bytes | None = None
    ) -> tuple[int, dict[str, Any]]:
        content = raw if raw is not None else json.dumps(body).encode() if body is not None else b""
        self.connection.request(method, path, content, {"Idempotency-Key": key} if key else {})
        response = self.connection.getresponse()
        assert response.headers["Content-Type"] == "application/json"
        document: dict[str, Any] = json.loads(response.read())
        return response.status, document

    def charge(self, token: str = "tok_visa", *, key: str = "pay_1") -> tuple[int, dict[str, Any]]:
        return self.call("POST", "/v1/charges", CHARGE | {"payment_method": token, "reference": key}, key=key)
