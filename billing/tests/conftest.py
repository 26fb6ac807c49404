"""What tests of subscriptions ask for by `pytest.mark.usefixtures`."""

from payments.tests.conftest import invariants_hold, movable_clock

__all__ = ["invariants_hold", "movable_clock"]
