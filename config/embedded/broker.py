"""Kombu's filesystem broker for the embedded run, with messages that appear whole or not at all.

Kombu 5.7 creates a message's file, then locks and fills it: a worker that lists the folder in between reads an empty
file, and its consumer dies of a JSONDecodeError (seen within a minute of three tasks a second).
"""

import os
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Makes its folders, and writes a message under a name no reader looks for before it renames it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for folder in (self.data_folder_out, self.control_folder):
            Path(folder).mkdir(parents=True, exist_ok=True)

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        name = f"{time.monotonic_ns()}_{uuid.uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        unfinished = folder / f".{name}"
        unfinished.write_text(dumps(payload))
        os.replace(unfinished, folder / name)


class Transport(filesystem.Transport):
    Channel = Channel
