import datetime

import pytest

from config.kernel import clock


def test_now_is_aware_and_utc() -> None:
    """Business time carries its zone, so it can be compared with what the database returns."""
    assert clock.now().utcoffset() == datetime.timedelta(0)


def test_now_lies_between_two_readings_of_the_wall() -> None:
    """Without a test clock, business time is wall time."""
    before = datetime.datetime.now(datetime.UTC)
    assert before <= clock.now() <= datetime.datetime.now(datetime.UTC)


def test_now_is_ahead_by_what_the_clock_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall stays where it is."""
    monkeypatch.setattr(clock, "_ahead", clock._ahead)
    clock.follow(lambda: datetime.timedelta(days=3))
    assert datetime.timedelta(days=2) < clock.now() - clock.wall() <= datetime.timedelta(days=3)
