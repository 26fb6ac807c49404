"""`make simulate`: many seeds, each a deployment of its own; what breaks a promise is shrunk and told."""

import argparse
import collections
import functools
import multiprocessing
import os
import sys
import time

from tests.simulation import seeds

EXAMPLES = """
examples:
  python -m tests.simulation --seeds 1000            seeds 1 to 1000
  python -m tests.simulation --seed 17               that one, with everything that happened
  python -m tests.simulation --seed 17 --moves=3,9   only these moves of it
"""


def main() -> int:
    arguments = _arguments()
    if arguments.seed is not None:
        return 0 if seeds.replay(arguments.seed, arguments.moves or range(arguments.length)) else 1
    started = time.perf_counter()
    numbers = range(arguments.first, arguments.first + arguments.seeds)
    tally = _run(numbers, arguments.jobs, length=arguments.length, enough=arguments.enough)
    for what, count in sorted(tally.items()):
        print(f"{count:9,} {what or 'processes with nothing wrong'}")
    print(f"{time.perf_counter() - started:.0f} s on {arguments.jobs} processes")
    return 1 if tally[seeds.BROKEN] else 0


def _run(numbers: range, jobs: int, *, length: int, enough: int) -> "collections.Counter[str]":
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        found = pool.map(
            functools.partial(seeds.run_all, length=length, enough=enough), [numbers[n::jobs] for n in range(jobs)]
        )
    return sum(found, collections.Counter({seeds.BROKEN: 0}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (default: 1)")
    parser.add_argument("--length", type=int, default=50, help="moves in each (default: 50)")
    parser.add_argument("--enough", type=int, default=3, help="a process stops after so many that break a promise (3)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a processor)")
    parser.add_argument("--seed", type=int, help="run this one and print all that happened")
    parser.add_argument("--moves", type=_numbers, help="with --seed: make only these of its moves, as 3,9,12")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


if __name__ == "__main__":
    sys.exit(main())
