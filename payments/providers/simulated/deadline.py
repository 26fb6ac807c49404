"""An HTTP transport whose calls end in time, headers and body included, however slowly the other side dribbles.

httpx has no total timeout and no public place for a network backend; httpcore has one, in `ConnectionPool`. So the pool
inside httpx's transport is replaced. A transport of our own around a public pool would have to repeat httpx's private
translation of requests, answers and errors; should `_pool` ever be renamed, the first call fails with AttributeError.
"""

import httpcore
import httpx

from config.outgoing.deadline import DeadlineBackend


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's own transport over sockets that know when the call must end: see `config.outgoing.deadline`."""

    def __init__(self) -> None:
        super().__init__(trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=30,
            network_backend=DeadlineBackend(),
        )
