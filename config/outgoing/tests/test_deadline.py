"""How long is left of a call; what its sockets make of it is in test_posting."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from config.outgoing.deadline import ends_after, remaining


def test_an_inner_block_ends_with_the_outer_one_at_the_latest() -> None:
    """And leaves it as it was."""
    with ends_after(20):
        with ends_after(10):
            assert remaining() == pytest.approx(10, abs=1)
        assert remaining() == pytest.approx(20, abs=1)
        with ends_after(30):
            assert remaining() == pytest.approx(20, abs=1)
    assert remaining() is None


def test_a_timeout_that_is_shorter_counts() -> None:
    """Inside a block and outside; what is over has a moment left, as 0 would mean not to wait at all."""
    assert remaining(5) == 5
    with ends_after(10):
        assert remaining(5) == 5
    with ends_after(-1):
        assert remaining(5) == 0.001


def test_a_block_is_one_threads_own() -> None:
    """Another thread's call ends when its own block says."""
    with ends_after(10), ThreadPoolExecutor(1) as threads:
        assert threads.submit(remaining).result() is None
