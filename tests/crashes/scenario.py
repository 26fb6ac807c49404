"""What all these tests do: clients at work, something that goes wrong meanwhile, then quiet, then a look at the end."""

import contextlib
import datetime
import time
from collections.abc import Callable

from billing import services as billing
from config.api.principals import system
from config.api.scopes import SCOPES
from config.test_clock import services as test_clock
from tests.crashes.ends import Provider, unsettled, violations
from tests.crashes.load import LAST_ANSWER_SECONDS, Load, load
from tests.crashes.service import Service, running

SETTLE_SECONDS = 180
CLOCK_MOVES_EVERY_SECONDS = 3
"""By an hour, once nothing goes wrong any more: what waits for its next try is due."""


def play(
    service: Service,
    *,
    seed: int,
    clients: int,
    go_wrong: Callable[[Load], None],
    make_good: Callable[[], None] = lambda: None,
    lost_answers: float = 0.1,
) -> None:
    """Assert that whatever goes wrong under load leaves no trace once it is made good; `go_wrong` tends the service.

    `lost_answers` is the share of charges and refunds that the provider makes and says nothing of.
    """
    started = time.monotonic()
    with running(service), contextlib.closing(Provider(service.provider_url)) as provider:
        provider.set_dials(timeout_after=lost_answers, timeout_before=lost_answers / 2, duplicate=0.1, reorder=0.1)
        with load(base_url=service.url, api_key=_api_key(), seed=seed, clients=clients) as at_work:
            go_wrong(at_work)
            at_work.end()
            make_good()
            provider.set_dials(timeout_after=0, timeout_before=0, duplicate=0, reorder=0)
            _wait_until_quiet(service, provider, at_work)
        found = at_work.wrong + violations(service, provider, at_work.made)
        assert found == [], _report(service, found)
        charges = sum(counted["charges"] for counted in provider.per_reference().values())
        print(f"{service.told}\n{at_work}, {charges} charges, {time.monotonic() - started:.0f} s")


def _wait_until_quiet(service: Service, provider: Provider, at_work: Load) -> None:
    over = service.tend_until(lambda: at_work.is_over, seconds=LAST_ANSWER_SECONDS)
    assert over, _report(service, ["a client still waits for an answer"])
    assert at_work.wrong == [], _report(service, at_work.wrong)
    deadline = time.monotonic() + SETTLE_SECONDS
    while not service.tend_until(lambda: not unsettled(provider), seconds=CLOCK_MOVES_EVERY_SECONDS):
        left = f"after {SETTLE_SECONDS} s: {unsettled(provider)}"
        assert time.monotonic() < deadline, _report(service, [left])
        test_clock.advance(by=datetime.timedelta(hours=1))


def _report(service: Service, found: list[str]) -> str:
    listed = "\n".join(found[:20])
    return f"{len(found)} wrong; {service.told}\n{listed}\n{service.logs()}"


def _api_key() -> str:
    return billing.create_api_key(name="crashes", scopes=SCOPES, mode="test", actor=system("test")).secret
