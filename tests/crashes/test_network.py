import pytest

from config.embedded.environment import free_port
from tests.crashes import proxies
from tests.crashes.conftest import MakeService
from tests.crashes.load import Load
from tests.crashes.proxies import proxy
from tests.crashes.scenario import play


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_network_that_cuts_and_garbles_both_ways_loses_nothing_and_charges_nothing_twice(
    make_service: MakeService,
) -> None:
    """Every way an answer can be broken meets real calls, before and after the provider or we have acted on them."""
    seed, port, provider_port = 1, free_port(), free_port()
    with (
        proxy(provider_port, fates=proxies.TO_PROVIDER, share=0.3, seed=seed) as to_provider,
        proxy(port, fates=proxies.TO_US, share=0.3, seed=seed) as to_us,
    ):
        service = make_service(
            port=port,
            provider_port=provider_port,
            provider_through=to_provider.url,
            webhooks_through=to_us.url,
            seed=seed,
        )

        def go_wrong(at_work: Load) -> None:
            met = service.tend_until(
                lambda: (to_provider.has_met_all and to_us.has_met_all) or at_work.wrong, seconds=900
            )
            assert met, f"{to_provider.met}, {to_us.met}; {service.told}"

        def make_good() -> None:
            to_provider.mend()
            to_us.mend()

        play(service, seed=seed, clients=4, go_wrong=go_wrong, make_good=make_good)
        print(f"{to_provider.met.total()} calls and {to_us.met.total()} webhooks cut")
