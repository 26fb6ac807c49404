"""A provider in this process, whose books are read and whose webhooks go nowhere unless a test delivers them."""

import time
from collections.abc import Iterator

import pytest
from django.conf import settings

from payments.providers.simulated.simulator.core import SimulatorCore
from payments.providers.simulated.simulator.in_process import InProcessTransport
from payments.tests.simulator import simulated_with
from tests.invariants import check_invariants


@pytest.fixture
def core() -> Iterator[SimulatorCore]:
    """The books of ours are right at the end, whatever was found."""
    configured = settings.PROVIDERS["simulated"]
    core = SimulatorCore(seed=1, account=configured["account"], webhook_secret=configured["webhook_secrets"][0])
    with simulated_with(transport=InProcessTransport(core, now=time.time)):
        yield core
    core.close()
    check_invariants()
