"""`manage.py trigger_event`: events that really happen."""

import functools
import time
from collections.abc import Iterator

import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from config.api.principals import system
from config.embedded.environment import free_port
from config.kernel import clock
from config.management.triggers import recipes
from config.management.triggers.world import NotInTime, World
from config.settings.events import EVENT_CONSUMERS
from invoices.models import Customer, Invoice
from outbox import services as outbox
from outbox.models import OutboxEvent
from outbox.services import catalogue
from payments import services as payments
from payments.models import Payment, Refund
from payments.providers.simulated.simulator.server import SimulatorServer
from payments.tests.simulator import connected_simulator, simulated_with
from tests import commands
from tests.faults import CONNECTION_LOST
from tests.invariants import check_invariants

pytestmark = pytest.mark.django_db(transaction=True)

trigger = functools.partial(commands.run, "trigger_event")


@pytest.fixture
def simulator(live_server: LiveServer, settings: Settings) -> Iterator[SimulatorServer]:
    """A provider with its webhooks, and nobody who hears of what happens but our own."""
    settings.EVENT_CONSUMERS, settings.EVENT_PUBLISHERS = EVENT_CONSUMERS, {}
    with connected_simulator(timeout_seconds=5) as simulator:
        simulator.webhook_url = f"{live_server.url}/webhooks/payment-provider"
        simulator.core.dials = simulator.core.dials.changed({"settle_seconds": 0.05})
        yield simulator


def work(simulator: SimulatorServer, *_: object) -> None:
    """What a worker and a relay do while the command waits."""
    for model in (Payment, Refund):
        model._default_manager.filter(available_at__isnull=False).update(available_at=clock.now())
    payments.sweep()
    payments.sweep_refunds()
    simulator.wait_for_webhooks()
    outbox.drain()


def test_every_type_of_event_can_be_triggered_or_it_is_said_why_not() -> None:
    """A new type of event needs a recipe, or a reason."""
    assert recipes.unexplained() == set()
    assert recipes.RECIPES.keys() | recipes.IMPOSSIBLE.keys() == catalogue.events().keys()
    assert recipes.RECIPES.keys() & recipes.IMPOSSIBLE.keys() == set()


def test_every_recipe_brings_about_what_it_promises(simulator: SimulatorServer) -> None:
    """With services and the running simulator alone; the books hold after all of them."""
    for recipe, types in recipes.CAUSES.items():
        world = World(
            actor=system("tests"),
            amount=1250,
            currency="EUR",
            deadline=time.monotonic() + 20,
            pause=functools.partial(work, simulator),
        )
        aggregate_id = recipe(world)
        for type in types:
            assert world.until_numbered(aggregate_id, type).type == type
    check_invariants()


@pytest.mark.parametrize(
    ("type", "hint"),
    [
        ("invoice.payed", "Did you mean invoice.paid"),
        ("", "--list names them all"),
        ("refund.unknown", "cannot be brought about: an answer of the provider is lost"),
    ],
)
def test_a_type_that_cannot_be_triggered_is_refused_with_a_hint(type: str, hint: str) -> None:
    """And status 2."""
    with pytest.raises(CommandError) as refused:
        trigger(*filter(None, [type]))
    assert refused.value.returncode == 2
    assert hint in str(refused.value)


def test_where_money_is_real_nothing_is_triggered(settings: Settings) -> None:
    """Production has no simulated provider: config/settings/env.py refuses it there."""
    settings.PROVIDERS = {name: each for name, each in settings.PROVIDERS.items() if name != "simulated"}
    with pytest.raises(CommandError, match="the money may be real") as refused:
        trigger("customer.created")
    assert refused.value.returncode == 2
    assert not Customer.objects.exists()


def test_what_a_service_refuses_is_said() -> None:
    """With status 1."""
    with pytest.raises(CommandError) as refused:
        trigger("invoice.created", "--currency", "XXQ")
    assert refused.value.returncode == 1
    assert not Invoice.objects.exists()


def test_what_has_to_run_is_said_when_nothing_comes() -> None:
    """A relay for what has happened; a worker and the simulator for what has not. Status 3."""
    with pytest.raises(CommandError, match="nobody numbers it: run a relay") as late:
        trigger("customer.created", "--timeout-seconds", "1")
    assert late.value.returncode == 3
    url = f"http://127.0.0.1:{free_port()}"
    with (
        simulated_with(base_url=url),
        pytest.raises(CommandError, match=rf"a worker.*`make run` starts.*does not answer at {url}") as late,
    ):
        trigger("payment.refunded", "--timeout-seconds", "1")
    assert late.value.returncode == 3
    assert OutboxEvent.objects.filter(type="payment.requested").count() == 1


def test_a_simulator_that_will_not_act_ends_the_waiting(simulator: SimulatorServer) -> None:
    """What is asked of it is named."""
    world = World(actor=system("tests"), amount=1, currency="EUR", deadline=time.monotonic() + 5)
    with pytest.raises(NotInTime, match=r"disputes/dp_1/close: .*404"):
        world.at_the_provider("disputes/dp_1/close", outcome="won")


def test_a_database_that_is_away_is_status_4() -> None:
    """As of outbox_cursor."""

    def gone(*_: object) -> None:
        raise OperationalError(*CONNECTION_LOST)

    with connection.execute_wrapper(gone), pytest.raises(CommandError) as refused:
        trigger("customer.created")
    assert refused.value.returncode == 4


def test_the_list_names_every_type_and_how_it_comes_about() -> None:
    """One line each."""
    code, out = trigger("--list")
    assert code == 0
    named = {line.split()[0]: line for line in out.splitlines() if "." in line.partition(" ")[0]}
    assert named.keys() == catalogue.events().keys()
    assert "paid with tok_visa" in named["invoice.paid"]
