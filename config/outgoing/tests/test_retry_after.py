"""What a receiver's Retry-After says."""

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.outgoing import retry_after

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("86401", 86400.0),
        ("9" * 5000, 86400.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 13:00:30 +0100", 30.0),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30.0),
        ("Sun, 22 Nov 2037 12:00:00 GMT", 86400.0),
        ("Sun, 22 Nov 2026 11:59:59 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("\u0663", None),
        ("Sun, 22 Nov 2026 12:00:30 +99999999999999", None),
        ("Sun, 32 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_a_delay_is_read_in_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    """At most a day; the past and nonsense are no delay."""
    assert retry_after.seconds(value, now=NOW) == seconds


@settings(max_examples=50)
@given(st.text(max_size=40) | st.from_regex(r"[a-z]{3}, [0-9]+ Nov [0-9]+ 12:00:[0-9]+ [+-][0-9]+", fullmatch=True))
def test_no_value_raises(value: str) -> None:
    """Whatever a receiver writes there."""
    found = retry_after.seconds(value, now=NOW)
    assert found is None or 0 <= found <= 86400
