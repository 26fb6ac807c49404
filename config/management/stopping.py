"""Commands that are told to end."""

import signal
import threading


def told_to_stop() -> threading.Event:
    """Set by INT and TERM, from now on."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
