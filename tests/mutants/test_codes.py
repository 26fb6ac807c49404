"""Mutants in memory: which functions a change touches, and which statements a test reaches."""

import importlib.util
import pathlib
import types

import pytest

from tests.mutants import forking
from tests.mutants.codes import Loaded, NotAFunction, changed_functions, report_statements, statement_of

SOURCE = """
import functools

LIMIT = 2


def loud(function):
    @functools.wraps(function)
    def louder(*arguments):
        return function(*arguments).upper()

    return louder


@loud
def greet(name, greeting="hello"):
    if len(name) > LIMIT:
        return f"{greeting} {name}"
    return greeting
"""


@pytest.fixture
def module(tmp_path: pathlib.Path) -> types.ModuleType:
    path = tmp_path / "greeting.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("greeting", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("len(name) > LIMIT", "len(name) < LIMIT", "HELLO"),
        ("function(*arguments).upper()", "function(*arguments)", "hello world"),
    ],
)
def test_a_change_takes_effect_in_functions_that_are_loaded(
    module: types.ModuleType, before: str, after: str, said: str
) -> None:
    """Behind its decorator too, and in the decorator's own inner function."""
    path = str(module.__file__)
    assert module.greet("world") == "HELLO WORLD"
    Loaded([path]).replace(changed_functions(path, SOURCE, SOURCE.replace(before, after)))
    assert module.greet("world") == said


@pytest.mark.parametrize(
    ("before", "after"), [("LIMIT = 2", "LIMIT = 3"), ("@loud\n", ""), ('greeting="hello"', 'greeting="hi"')]
)
def test_what_takes_effect_at_import_only_is_told_apart(before: str, after: str) -> None:
    """A constant, a decorator and a default are made when the module is imported."""
    with pytest.raises(NotAFunction):
        changed_functions("greeting.py", SOURCE, SOURCE.replace(before, after))


def test_a_comment_changes_nothing() -> None:
    """Lines that have moved are no change."""
    assert changed_functions("greeting.py", SOURCE, f"# A comment\n{SOURCE}") == {}


def test_the_statements_that_are_reached_are_reported(module: types.ModuleType) -> None:
    """And no others: a mutant needs no test that does not reach it."""
    path, reached = str(module.__file__), set()
    Loaded([path]).replace(report_statements(path, SOURCE, lambda *place: reached.add(place)))
    module.greet("you and me")
    lines = {SOURCE.splitlines()[line - 1].strip() for file, line in reached if file == path}
    assert lines == {"return function(*arguments).upper()", "if len(name) > LIMIT:", 'return f"{greeting} {name}"'}


def test_a_decorator_is_reached_with_the_function_below_it() -> None:
    """The tests of a function are those of its decorator."""
    lines = SOURCE.splitlines()
    found = statement_of(SOURCE, lines.index("@loud") + 1)
    assert {lines[line - 1].strip() for line in found} >= {"if len(name) > LIMIT:", "return greeting"}


def test_a_copy_of_the_process_answers_and_changes_nothing_here() -> None:
    """What a mutant does stays in its copy."""
    here: list[int] = []

    def there() -> int:
        here.append(1)
        return len(here)

    assert forking.in_a_copy(there, timeout_seconds=30) == 1
    assert here == []


def test_a_copy_that_never_ends_is_ended() -> None:
    """An endless loop is a mutant that was noticed."""

    def endless() -> None:
        while True:
            pass

    with pytest.raises(forking.TimedOut):
        forking.in_a_copy(endless, timeout_seconds=0.2)
