"""The adapters that must all behave alike: a new one joins as a Subject that declares what it can."""

import contextlib
import dataclasses
import datetime
import json
import time
from collections.abc import Callable, Iterator

import pytest

from payments.providers.base import (
    Provider,
)
from payments.providers.manual import ManualProvider
from payments.providers.simulated import signing
from payments.providers.simulated.adapter import SimulatedProvider
from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.dials import Dials
from payments.providers.simulated.simulator.in_process import InProcessTransport
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.providers.conftest import ACCOUNT, SECRET, provider_at


@dataclasses.dataclass(frozen=True)
class Subject:
    """An adapter under test, and the payment methods that make its provider do a thing; "" where it cannot."""

    name: str
    opened: Callable[[], contextlib.AbstractContextManager[Provider]]
    pending: str
    succeeding: str = ""
    declined_for_now: str = ""
    declined_for_good: str = ""
    answer_lost: str = ""
    webhook: Callable[[datetime.datetime], tuple[bytes, dict[str, str]]] | None = None


@contextlib.contextmanager
def _simulated() -> Iterator[Provider]:
    with SimulatorServer(account=ACCOUNT, webhook_secret=SECRET, dials=Dials(hang_seconds=0.2)) as simulator:
        provider = provider_at(simulator.url)
        yield provider
        provider.close()


@contextlib.contextmanager
def _in_process() -> Iterator[Provider]:
    core = SimulatorCore(seed=1, account=ACCOUNT, webhook_secret=SECRET)
    yield SimulatedProvider(
        name="simulated",
        account=ACCOUNT,
        base_url="http://simulator",
        timeout_seconds=1,
        webhook_secrets=[SECRET],
        transport=InProcessTransport(core, now=time.time),
    )
    core.close()


@contextlib.contextmanager
def _manual() -> Iterator[Provider]:
    yield ManualProvider(name="manual", account="manual")


def _simulated_webhook(now: datetime.datetime) -> tuple[bytes, dict[str, str]]:
    data = {"charge": "ch_1", "reference": "pay_1", "amount": 100, "currency": "EUR"}
    event = {"id": "evt_1", "type": "charge.succeeded", "created_at": now.isoformat(), "account": ACCOUNT, "data": data}
    body = json.dumps(event).encode()
    return body, signing.headers_for(body=body, secret=SECRET, timestamp=int(now.timestamp()))


_SIMULATED = Subject(
    name="simulated",
    opened=_simulated,
    pending="tok_pending",
    succeeding="tok_visa",
    declined_for_now="tok_declined_insufficient_funds",
    declined_for_good="tok_declined_stolen",
    answer_lost="tok_timeout_after",
    webhook=_simulated_webhook,
)
SUBJECTS = [
    _SIMULATED,
    dataclasses.replace(_SIMULATED, name="in_process", opened=_in_process),
    Subject(name="manual", opened=_manual, pending="bank_transfer"),
]

every = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)


def able(capability: str) -> pytest.MarkDecorator:
    subjects = [subject for subject in SUBJECTS if getattr(subject, capability)]
    return pytest.mark.parametrize("subject", subjects, ids=lambda subject: subject.name)


def unable(capability: str) -> pytest.MarkDecorator:
    subjects = [subject for subject in SUBJECTS if not getattr(subject, capability)]
    return pytest.mark.parametrize("subject", subjects, ids=lambda subject: subject.name)
