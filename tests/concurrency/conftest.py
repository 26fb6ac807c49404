"""What these tests ask for by `pytest.mark.usefixtures`."""

from payments.tests.conftest import movable_clock

__all__ = ["movable_clock"]
