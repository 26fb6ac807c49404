"""Through a provider's books from one instant to another: keep, compare, mend, remember; a page in memory."""

import collections
import contextlib
import dataclasses
import datetime
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence

from django.conf import settings

from config.kernel import clock, correlation
from config.kernel.errors import Conflict, Invalid, Unavailable
from payments.models import Difference, SettlementRun
from payments.providers import registry
from payments.providers.base import ListedTransaction, ListingInterrupted, Provider
from payments.services.settlement import differences, keeping, looking_there, runs
from payments.services.settlement.comparing import Comparison
from payments.services.settlement.findings import Finding

logger = logging.getLogger(__name__)

BATCH = 100

Tell = Callable[[Difference], None]


class NoBooks(Conflict):
    """{provider} keeps no books to compare with: a person settles its payments."""

    code = "no_books"


class WindowInvalid(Invalid):
    """Books are read from one instant up to a later one; {since} is not before {until}."""

    code = "settlement_window_invalid"


class SettlementInterrupted(Unavailable):
    """The books of {provider} could not be read to the end: {problem}. Ask for the same window and it goes on."""

    code = "settlement_interrupted"


@dataclasses.dataclass(frozen=True)
class SettlementReport:
    """What came of it, in numbers. Of a dry run: what would; `run_id` is empty then."""

    run_id: str
    lines: int
    booked: int
    """Fees and payouts that are new in our ledger."""
    mended: int
    left: int
    """Differences that wait for a person."""
    resolved: int
    """Differences of earlier runs that are none any more."""


def reconcile_settlement(
    *,
    provider: str,
    since: datetime.datetime,
    until: datetime.datetime,
    dry_run: bool = False,
    tell: Tell = lambda difference: None,
) -> SettlementReport:
    """Compare what `provider` booked from `since` on and before `until`, by its own clock, with what we have.

    What is safe to mend is mended under the locks that webhooks take; `tell` hears each difference as it is dealt
    with. A `dry_run` writes nothing at all. Goes on where an interrupted run over the same window stopped. Raises
    UnknownProvider, NoBooks, WindowInvalid, SettlementInterrupted.
    """
    books = registry.get(provider)
    if not books.settles_itself:
        raise NoBooks(provider=provider)
    if since >= until:
        raise WindowInvalid(since=since.isoformat(), until=until.isoformat())
    with correlation.bind(correlation.accept_or_new(correlation.current())):
        run = None if dry_run else runs.begin(books=books, since=since, until=until)
        first = since if run is None else runs.goes_on_at(run)
        with contextlib.closing(keeping.Seen(books, before=first)) as seen:
            return _Reconciliation(books, run, seen, tell).through(first, since, until)


def recent_window() -> tuple[datetime.datetime, datetime.datetime]:
    """What is read unless somebody says otherwise: whole hours, so that an interrupted run is found again."""
    newest = clock.wall() - datetime.timedelta(seconds=settings.SETTLEMENT_DELAY_SECONDS)
    until = newest.replace(minute=0, second=0, microsecond=0)
    return until - datetime.timedelta(seconds=settings.SETTLEMENT_WINDOW_SECONDS), until


def reconcile_recent_settlement() -> int:
    """The recent books of every provider that has some; how many differences wait for a person.

    From further back where nobody has read to the end for longer than the usual window.
    """
    since, until = recent_window()
    left = 0
    for provider in settings.PROVIDERS:
        books = registry.get(provider)
        if not books.settles_itself:
            continue
        read_until = runs.read_until(books)
        first = since if read_until is None else min(since, read_until)
        try:
            left += reconcile_settlement(provider=provider, since=first, until=until).left
        except SettlementInterrupted as problem:
            logger.warning("%s", problem)
    return left


class _Reconciliation:
    """One run; without a row of its own it only looks."""

    def __init__(self, books: Provider, run: SettlementRun | None, seen: keeping.Seen, tell: Tell) -> None:
        self._books = books
        self._run = run
        self._seen = seen
        self._tell = tell
        self._counts = collections.Counter[str]()

    def through(self, first: datetime.datetime, since: datetime.datetime, until: datetime.datetime) -> SettlementReport:
        """Lines from `first` on, then what we have booked from `since` on."""
        self._read(first, until)
        for finding in looking_there.findings(self._books, self._seen, since=since, until=until):
            self._deal_with(finding)
        if self._run is not None:
            self._counts["resolved"] = differences.resolve(self._run)
            runs.finish(self._run)
        counts = {field.name: self._counts[field.name] for field in dataclasses.fields(SettlementReport)[1:]}
        return SettlementReport(run_id=self._run.id if self._run else "", **counts)

    def _read(self, first: datetime.datetime, until: datetime.datetime) -> None:
        try:
            for lines in _batches(self._books.list(since=first, until=until)):
                self._counts["lines"] += len(lines)
                self._counts["booked"] += self._keep(lines)
                self._compare(lines)
                if self._run is not None:
                    runs.advance(self._run, read_until=lines[-1].created_at)
        except ListingInterrupted as problem:
            if self._run is not None:
                runs.interrupt(self._run, problem=str(problem))
            raise SettlementInterrupted(provider=self._books.name, problem=str(problem)) from problem

    def _keep(self, lines: Sequence[ListedTransaction]) -> int:
        booked = (
            keeping.would_book(self._books, lines) if self._run is None else keeping.keep(self._run, self._books, lines)
        )
        self._seen.add(lines)
        return booked

    def _compare(self, lines: Sequence[ListedTransaction]) -> None:
        """What has been mended may be what a later line of the same batch is about, so the rest is looked at anew."""
        comparison = Comparison(self._books, lines)
        for at, line in enumerate(lines):
            finding = comparison.of(line)
            if finding is not None:
                self._deal_with(finding)
                comparison = Comparison(self._books, lines[at + 1 :])

    def _deal_with(self, finding: Finding) -> None:
        if self._run is None:
            difference = differences.unless_closed(finding.difference)
        else:
            difference = differences.settle(self._run, finding)
        if difference is None:
            return
        is_mended = bool(difference.mend if self._run is None else difference.resolved_at)
        self._counts["mended" if is_mended else "left"] += 1
        self._tell(difference)


def _batches(lines: Iterator[ListedTransaction]) -> Iterator[list[ListedTransaction]]:
    while batch := list(itertools.islice(lines, BATCH)):
        yield batch
