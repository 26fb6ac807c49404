"""Adapters with bugs."""

from payments.providers.base import ProviderEvent
from payments.providers.simulated.adapter import SimulatedProvider


class BrokenParser(SimulatedProvider):
    """Its `parse_event` has a bug."""

    def parse_event(self, body: bytes) -> ProviderEvent:
        raise KeyError("amount")
