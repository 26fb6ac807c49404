"""What the simulated network makes of a call must reach our adapter as what it stands for."""

import httpx

from payments.providers.base import NotFound
from payments.providers.simulated.adapter import SimulatedProvider
from tests.simulation.network import nothing_found


def test_a_search_whose_index_is_behind_finds_nothing() -> None:
    """It was unreadable once, so that a charge which cannot be found never came about in any seed."""
    provider = SimulatedProvider(
        name="simulated",
        account="acct_1",
        base_url="http://provider.test",
        timeout_seconds=1,
        webhook_secrets=["whsec_c2VjcmV0"],
        transport=httpx.MockTransport(lambda _: nothing_found()),
    )
    assert provider.retrieve(payment_id="pay_1", provider_reference="") == NotFound()
