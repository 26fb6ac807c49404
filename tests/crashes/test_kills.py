import pytest

from tests.crashes import plan
from tests.crashes.conftest import MakeService
from tests.crashes.load import Load
from tests.crashes.scenario import play


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("kills", "seed", "clients"),
    [
        pytest.param(plan.A_HANDFUL, 1, 3, id="a-handful"),
        pytest.param(plan.spread(kills=100, seed=1), 1, 4, id="100-at-every-step", marks=pytest.mark.long),
    ],
)
def test_web_worker_and_relay_killed_at_any_step_lose_nothing_and_charge_nothing_twice(
    make_service: MakeService, kills: plan.Plan, seed: int, clients: int
) -> None:
    """SIGKILL under load, started again each time: every payment ends with one charge at most, every cent is booked."""
    service = make_service(plan=kills, seed=seed)

    def go_wrong(at_work: Load) -> None:
        all_died = service.tend_until(lambda: service.is_through or at_work.wrong, seconds=3000)
        assert all_died, service.told

    play(service, seed=seed, clients=clients, go_wrong=go_wrong)
    assert len(service.kills) == sum(len(each) for each in kills.values())
