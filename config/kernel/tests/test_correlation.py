import threading

import pytest

from config.kernel import correlation, ids


def test_there_is_no_id_outside_a_block() -> None:
    """Work nobody asked for has the empty id."""
    assert correlation.current() == ""


def test_a_bound_id_ends_with_its_block() -> None:
    """Blocks nest, and the outer id returns."""
    with correlation.bind("outer") as bound:
        assert bound == correlation.current() == "outer"
        with correlation.bind("inner"):
            assert correlation.current() == "inner"
        assert correlation.current() == "outer"
    assert correlation.current() == ""


def test_an_error_ends_the_block_too() -> None:
    """The next request of a thread never inherits the id of one that failed."""
    with pytest.raises(RuntimeError), correlation.bind("req_1"):
        raise RuntimeError
    assert correlation.current() == ""


def test_another_thread_does_not_see_the_id() -> None:
    """Two requests served at once keep their ids apart."""
    seen: list[str] = []
    with correlation.bind("req_1"):
        thread = threading.Thread(target=lambda: seen.append(correlation.current()))
        thread.start()
        thread.join()
    assert seen == [""]


@pytest.mark.parametrize("candidate", ["a", "req_01h455", "trace:1/2+3=@x.y-z", "x" * 100])
def test_an_acceptable_candidate_is_kept(candidate: str) -> None:
    """Callers follow their own id through our logs."""
    assert correlation.accept_or_new(candidate) == candidate


@pytest.mark.parametrize(
    "candidate", [None, "", "x" * 101, "two words", "line\nbreak", "line\n", "é", '"quoted"', "a;b"]
)
def test_anything_else_is_replaced_by_a_fresh_id(candidate: str | None) -> None:
    """What could break a header or a log line never gets into one."""
    fresh = correlation.accept_or_new(candidate)
    assert ids.decode("req", fresh).version == 7
    assert fresh != correlation.accept_or_new(candidate)
