import datetime

from config.kernel import clock


def test_now_is_aware_and_utc() -> None:
    """Business time carries its zone, so it can be compared with what the database returns."""
    assert clock.now().utcoffset() == datetime.timedelta(0)


def test_now_lies_between_two_readings_of_the_wall() -> None:
    """Without a test clock, business time is wall time."""
    before = datetime.datetime.now(datetime.UTC)
    assert before <= clock.now() <= datetime.datetime.now(datetime.UTC)
