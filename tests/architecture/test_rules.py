"""Rules that a reader of one file cannot see broken, so a test reads them all. Who may catch what: test_catching."""

import ast
import re
import subprocess
from collections.abc import Iterable

import pytest

from tests.architecture.source import ROOT, Module, calls, dotted, imports, modules, shipped

MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 300
MAX_TEST_FILE_LINES = 400

WALL_CLOCKS = {
    "timezone.now",
    "time.time",
    "datetime.datetime.now",
    "datetime.now",
    "datetime.utcnow",
    "date.today",
    "timezone.localtime",
    "timezone.localdate",
    "clock.wall",
}
MAY_READ_THE_WALL_CLOCK = {
    "config/kernel/clock.py": "the clock itself",
    "config/test_clock/services.py": "what a test clock is ahead of",
    "config/health.py": "how long ago a worker was alive",
    "config/embedded/journey.py": "signs webhooks as a provider",
    "config/outgoing/posting.py": "when a receiver wants to be asked again",
    "webhooks/outbound/services/endpoints.py": "until when a rotated secret is good",
    "webhooks/outbound/api/views/endpoints.py": "until when a rotated secret is good",
    "webhooks/outbound/services/messages.py": "signatures",
    "billing/throttling.py": "how often a password was tried",
    "billing/models/accounts.py": "credentials",
    "billing/services/sessions.py": "credentials",
    "billing/services/mail.py": "mail is tried again whatever the test clock says",
    "billing/authentication.py": "credentials: a test clock must not bring a revoked one back",
    "billing/management/commands/create_api_key.py": "credentials",
    "billing/services/api_keys.py": "credentials",
    "payments/providers/simulated/simulator/delivery.py": "the provider's own world, and its signatures",
    "payments/providers/simulated/simulator/server.py": "the provider's own world",
    "payments/services/outcomes.py": "how long the provider remembers a key",
    "payments/services/asking.py": "how long the provider remembers a key",
    "payments/services/submission.py": "how long the provider remembers a key",
    "payments/services/refunds/submission.py": "how long the provider remembers a key",
    "payments/services/refunds/outcomes.py": "how long the provider remembers a key",
    "payments/services/settlement/reconciling.py": "the provider's books run on its own clock",
    "webhooks/inbound/services/receiving.py": "signatures",
}


def places(found: Iterable[tuple[Module, ast.AST]]) -> list[str]:
    return [f"{module.path}:{getattr(node, 'lineno', 0)}" for module, node in found]


def test_only_the_kernel_opens_transactions() -> None:
    """`django.db.transaction` is imported by config.kernel.db alone, so every deadlock meets the retry."""
    importers = {
        module.path for module in shipped() if any("django.db.transaction" in name for name in imports(module))
    }
    assert importers == {"config/kernel/db.py"}


def test_no_queryset_update_touches_money() -> None:
    """Invoices and payments change row by row under their lock: a bulk update has no transition and no event."""
    found = [
        (module, call)
        for module in shipped()
        if module.path.startswith(("invoices/", "payments/")) and not module.path.startswith("payments/providers/")
        for name, call in calls(module)
        if (name.endswith(".update") and call.keywords) or name.endswith((".bulk_update", ".update_or_create"))
    ]
    assert places(found) == []


def test_no_queryset_update_sets_a_status_outside_inbox_and_deliveries() -> None:
    """Conditional updates of a status are for the inbox and deliveries."""
    found = [
        (module, call)
        for module in shipped()
        if not module.path.startswith("webhooks/")
        for name, call in calls(module)
        if name.endswith(".update") and any(keyword.arg == "status" for keyword in call.keywords)
    ]
    assert places(found) == []


def test_business_time_comes_from_the_clock() -> None:
    """A test clock moves everything but signatures, credentials and what providers measure."""
    found = {module.path for module in shipped() for name, _ in calls(module) if name in WALL_CLOCKS}
    assert found == MAY_READ_THE_WALL_CLOCK.keys()


def test_nothing_is_read_deferred() -> None:
    """A deferred read switches django-fsm-2's protection off, for the whole class."""
    found = [
        (module, call) for module in shipped() for name, call in calls(module) if name.endswith((".only", ".defer"))
    ]
    assert places(found) == []


@pytest.mark.parametrize("name", ["ConcurrentTransitionMixin", "FSMAdminMixin"])
def test_a_class_that_goes_around_services_is_not_used(name: str) -> None:
    """One switches protection off, the other transitions without service, lock or event."""
    users = {module.path for module in shipped() for node in ast.walk(module.tree) if dotted(node).endswith(name)}
    importers = {module.path for module in shipped() if any(each.endswith(f".{name}") for each in imports(module))}
    assert users | importers == set()


def test_ignore_conflicts_is_not_used() -> None:
    """It also ignores what does not fit, and truncates."""
    found = [
        (module, call)
        for module in shipped()
        for _, call in calls(module)
        if any(keyword.arg == "ignore_conflicts" for keyword in call.keywords)
    ]
    assert places(found) == []


def test_no_function_is_longer_than_it_may_be() -> None:
    """70 lines is the most a reader keeps in mind; most have 6 to 15."""
    found = [
        (module, node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert places(found) == []


def test_no_module_is_longer_than_it_may_be() -> None:
    """A room past about 300 lines becomes a package of that name, a test is split by subject."""
    found = {
        module.path: module.lines
        for module in modules()
        if module.lines > (MAX_TEST_FILE_LINES if module.is_test else MAX_FILE_LINES)
    }
    assert found == {}


def test_every_test_says_what_it_shows() -> None:
    """Each test has a docstring of one sentence of behaviour."""
    found = [
        (module, node)
        for module in modules()
        if module.path.rpartition("/")[2].startswith("test_")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert places(found) == []


def test_nothing_is_left_to_do() -> None:
    """What is missing is in an issue, not in the code."""
    pattern = re.compile(r"#.*\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "HA" + "CK"]) + r")\b")
    assert [path for path in _texts(".py") if pattern.search((ROOT / path).read_text(encoding="utf-8"))] == []


def test_no_file_names_a_machine() -> None:
    """Paths of the machine it was written on mean nothing on the next one."""
    pattern = re.compile(r"/(?:root|home|Users|work)/[\w.]+|/tmp/" + r"dev\b")
    suffixes = (".py", ".md", ".toml", ".yml", ".yaml", ".ini", ".txt", "Makefile", "Dockerfile")
    assert [path for path in _texts(*suffixes) if pattern.search((ROOT / path).read_text(encoding="utf-8"))] == []


def _texts(*suffixes: str) -> list[str]:
    """Files that belong to the repository, by the ends of their names."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
    else:
        listed = [
            path.relative_to(ROOT).as_posix()
            for path in ROOT.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        ]
    return [path for path in listed if path.endswith(suffixes) and (ROOT / path).is_file()]
