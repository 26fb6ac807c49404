"""The raw-SQL floor of create and pay: the same rows in as many commits, through mysqlclient, and nothing else.

`script` prepares the parameters from a real payment; `python -m bench.floor` is one process that writes them.
"""

import pickle
import subprocess
import sys
import threading
import time
from typing import Any

from bench.client import Load
from bench.servers import connect

PROCESSES = 4
"""Python threads share one core; with four processes MariaDB is what limits."""
Transaction = list[tuple[str, list[Any]]]


def run(*, url: str, pairs: list[list[Transaction]], connections: int) -> Load:
    """Write `pairs`, each a list of transactions, over so many connections."""
    processes = [_start(url, pairs[number::PROCESSES], connections // PROCESSES) for number in range(PROCESSES)]
    started = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        if process.wait(120):
            raise RuntimeError("a process of the raw-SQL floor failed")
    return Load(len(pairs), time.perf_counter() - started, 0.0)


def _start(url: str, pairs: list[list[Transaction]], connections: int) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.floor"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=-1
    )
    assert process.stdin is not None
    assert process.stdout is not None
    pickle.dump((url, connections, pairs), process.stdin)
    process.stdin.flush()
    assert process.stdout.readline() == b"ready\n"
    return process


def main() -> None:
    url, connections, pairs = pickle.load(sys.stdin.buffer)
    writers = [_Writer(url, pairs[number::connections]) for number in range(connections)]
    print("ready", flush=True)
    sys.stdin.buffer.readline()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    sys.exit(any(writer.failed for writer in writers))


class _Writer(threading.Thread):
    """One connection and what it writes."""

    def __init__(self, url: str, pairs: list[list[Transaction]]) -> None:
        super().__init__()
        self.failed = True
        self._pairs = pairs
        self._connection = connect(url)
        with self._connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")

    def run(self) -> None:
        cursor = self._connection.cursor()
        for pair in self._pairs:
            for transaction in pair:
                for statement, values in transaction:
                    cursor.execute(statement, values)
                self._connection.commit()
        self.failed = False


if __name__ == "__main__":
    main()
