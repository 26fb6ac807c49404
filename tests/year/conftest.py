"""What a year asks for."""

from payments.tests.conftest import movable_clock

__all__ = ["movable_clock"]
