"""/health says that the process answers; /health/detailed, to operators and within seconds, what it stands on.

A component is `ok`, `degraded` (it works and somebody should look) or `down`; any `down` makes the answer a 503.
"""

import dataclasses
import functools
import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from config.celery import app as celery_app
from config.kernel import ids
from config.observability import counters, files, scrape
from outbox import services as outbox
from payments.models import Payment
from payments.states import PaymentStatus

TIMEOUT_SECONDS = 2
"""For all components together: they are asked at once."""
FRESH_SECONDS = 1
"""Who asks again so soon, or meanwhile, gets the same answer: asking takes a thread per component, and connections."""

OUTBOX_LATE_SECONDS = 60
WORKER_LATE_SECONDS = 60
RELAY_TASK = "outbox.relay"
MAX_THREADS = 64
_free_threads = threading.BoundedSemaphore(MAX_THREADS)

Component = dict[str, Any]
"""{"status", "latency_ms", "detail"?} and what else a probe finds worth showing."""

logger = logging.getLogger(__name__)


@csrf_exempt
@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; touches nothing else."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
@never_cache
@scrape.for_operators
def detailed(request: HttpRequest) -> JsonResponse:
    """{"status", "components": {name: {"status", "latency_ms", "detail"?}}}; 503 when a component is down."""
    components = _latest.components()
    found = {component["status"] for component in components.values()}
    status = next((status for status in ("down", "degraded") if status in found), "ok")
    return JsonResponse({"status": status, "components": components}, status=503 if status == "down" else 200)


class _Latest:
    """What this process found out last, by one caller at a time; the others wait for what that one finds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._components: dict[str, Component] = {}
        self._ended_at = -math.inf

    def components(self) -> dict[str, Component]:
        with self._lock:
            if time.monotonic() - self._ended_at >= FRESH_SECONDS:
                self._components = _look()
                self._ended_at = time.monotonic()
            return self._components


_latest = _Latest()


def _look() -> dict[str, Component]:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    asked = {name: _ask(name, probe) for name, probe in PROBES.items()}
    return {name: _answer(name, component, deadline) for name, component in asked.items()}


def _ask(name: str, probe: Callable[[], Component]) -> Future[Component]:
    """A thread per probe, which a stopping process does not wait for; at most MAX_THREADS of them hang at one time."""
    component: Future[Component] = Future()
    if _free_threads.acquire(blocking=False):
        threading.Thread(target=_run, args=(name, probe, component), name=f"health-{name}", daemon=True).start()
    else:
        component.set_result({"latency_ms": 0.0} | _down("too many earlier probes still hang"))
    return component


def _run(name: str, probe: Callable[[], Component], component: Future[Component]) -> None:
    started = time.monotonic()
    try:
        found = _close_after(probe)
    except Exception:
        logger.exception("health: %s is down", name)
        found = _down("unknown error")
    finally:
        _free_threads.release()
    component.set_result({"status": "ok", "latency_ms": round((time.monotonic() - started) * 1000, 1)} | found)


def _close_after(probe: Callable[[], Component]) -> Component:
    try:
        return probe()
    finally:
        connections.close_all()


def _answer(name: str, component: Future[Component], deadline: float) -> Component:
    try:
        return component.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        logger.warning("health: %s did not answer within %d s", name, TIMEOUT_SECONDS)
        return {"latency_ms": TIMEOUT_SECONDS * 1000.0} | _down(f"timed out after {TIMEOUT_SECONDS} seconds")


def _down(detail: str) -> Component:
    return {"status": "down", "detail": detail}


def _database() -> Component:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return {}


def _migrations() -> Component:
    missing = known_migrations() - set(MigrationRecorder(connection).applied_migrations())
    return _down(f"{len(missing)} migrations are not applied: run manage.py migrate") if missing else {}


@functools.cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """(app, name) of every migration in the code, which cannot change while it runs."""
    return frozenset(MigrationLoader(None).disk_migrations)


def _cache() -> Component:
    key = ids.encode("health", ids.new_uuid())
    cache.set(key, key, timeout=10)
    if cache.get(key) != key:
        return _down("the cache does not return what was stored")
    cache.delete(key)
    return {}


def _broker() -> Component:
    with celery_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    return {}


def _outbox() -> Component:
    """The relay runs in the worker, so a backlog that grows old also says that no worker is alive."""
    found = outbox.status()
    late = [s.subscriber for s in found if (s.oldest_age_seconds or 0) > OUTBOX_LATE_SECONDS]
    given_up = [s.subscriber for s in found if s.given_up]
    detail = ""
    if late:
        detail = f"events older than {OUTBOX_LATE_SECONDS} s wait for {', '.join(late)}: is a worker running?"
    elif given_up:
        detail = f"events of {', '.join(given_up)} wait for staff"
    component: Component = {"subscribers": [dataclasses.asdict(subscriber) for subscriber in found]}
    return component | ({"status": "degraded", "detail": detail} if detail else {})


def _payments() -> Component:
    waiting = Payment.objects.filter(status=PaymentStatus.REVIEW).count()
    detail = {"status": "degraded", "detail": f"{waiting} payments wait for a person"} if waiting else {}
    return {"review": waiting, **detail}


def _worker() -> Component:
    """When the relay's task, due every second, ended last in any process that counts in our folder."""
    try:
        latest = _relay_ended_at() if settings.METRICS_DIR else 0.0
    except OSError:
        latest = 0.0
    if not latest:
        return {"detail": "not known here: no worker has counted in this process's PROMETHEUS_MULTIPROC_DIR"}
    age = round(max(0.0, time.time() - latest), 1)
    if age <= WORKER_LATE_SECONDS:
        return {"idle_seconds": age}
    detail = f"no {RELAY_TASK} has ended for {age:.0f} s: are a worker and beat running?"
    return {"idle_seconds": age, "status": "degraded", "detail": detail}


def _relay_ended_at() -> float:
    samples = [sample for family in files.collect() for sample in family.samples]
    ends = [s.value for s in samples if s.name == counters.TASK_LATEST.name and s.labels["task"] == RELAY_TASK]
    return max(ends, default=0.0)


PROBES: dict[str, Callable[[], Component]] = {
    "database": _database,
    "migrations": _migrations,
    "cache": _cache,
    "broker": _broker,
    "outbox": _outbox,
    "payments": _payments,
    "worker": _worker,
}
