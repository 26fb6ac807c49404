"""Nobody gets at what is somebody else's, by any operation; one that is added later is tried, or named as missing."""

import contextlib
import json
import uuid
from typing import Any

import pytest

from config.kernel import ids
from outbox.models import OutboxEvent
from payments.tests.simulator import connected_simulator
from tests.access.operations import OPERATIONS, Operation
from tests.access.recipes import OF_EVERYBODY, OF_WHOEVER_ASKS, OPEN, RECIPES, Recipe
from tests.api import ApiConsumer, SignedIn

pytestmark = pytest.mark.django_db


def _each(operations: list[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", operations, ids=[operation.id for operation in operations])


FOR_CUSTOMERS = [each for each in OPERATIONS if each.is_for_customers]
WITH_RECIPES = [each for each in FOR_CUSTOMERS if each.id in RECIPES]


def ask(who: ApiConsumer, operation: Operation, recipe: Recipe, id: str) -> Any:
    """Do with `id` what the operation is for."""
    with connected_simulator(timeout_seconds=5) if recipe.asks_provider else contextlib.nullcontext():
        path = operation.at(id) + recipe.query(id)
        return who.request(operation.method, path, recipe.body(id), Idempotency_Key=uuid.uuid4().hex)


def without_id(answer: Any, id: str) -> dict[str, Any]:
    """A problem as it is whatever it is about."""
    problem: dict[str, Any] = json.loads(answer.content.decode().replace(id, "ID"))
    return {name: value for name, value in problem.items() if name != "request_id"}


@_each(OPERATIONS)
def test_nobody_gets_in_without_a_credential(operation: Operation) -> None:
    """401, but for what makes credentials."""
    assert operation.is_open == (operation.id in OPEN), (
        f"{operation.id} is open to everybody in one of the document and OPEN in tests/access/recipes.py, not in both."
    )
    if not operation.is_open:
        nobody = ApiConsumer(secret="")
        answer = nobody.client.generic(operation.method, operation.at("x", full=True), "{}", "application/json")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        assert answer["WWW-Authenticate"] == "Bearer"


@_each([each for each in OPERATIONS if not each.is_for_customers and each.id not in OPEN])
def test_what_is_the_merchants_is_closed_to_customers(operation: Operation) -> None:
    """403, before anything is looked up."""
    answer = SignedIn().request(operation.method, operation.at("x"), {})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_for_customers")


@_each(FOR_CUSTOMERS)
def test_what_customers_may_do_is_tried_with_somebody_elses_things(operation: Operation) -> None:
    """A recipe says on what."""
    if operation.id in OF_EVERYBODY:
        return
    assert (operation.id in RECIPES) != (operation.id in OF_WHOEVER_ASKS), (
        f"{operation.id} lets customers in, and nothing tries it with what is another's: add a line to RECIPES in "
        "tests/access/recipes.py that makes something of a customer's for it, or to OF_WHOEVER_ASKS, with the reason, "
        "if it can name nothing."
    )
    if operation.names_something or operation.is_list:
        assert operation.id in RECIPES, f"{operation.id} names something by an id, so it needs a line in RECIPES."


def test_no_recipe_is_left_over() -> None:
    """Each is for an operation that customers may use."""
    assert {*RECIPES, *OF_WHOEVER_ASKS, *OF_EVERYBODY} <= {operation.id for operation in FOR_CUSTOMERS}


@_each([each for each in WITH_RECIPES if not each.is_plain_list])
def test_somebody_elses_is_not_found_and_one_own_is(operation: Operation) -> None:
    """404 word for word as for what does not exist, nothing has happened, and the owner is served after it."""
    recipe, owner, stranger = RECIPES[operation.id], SignedIn(), SignedIn()
    theirs, nobodys = recipe.make(owner.customer_id), recipe.make(None)
    events = OutboxEvent.objects.count()
    nothing = f"{theirs.partition('_')[0]}_{ids.new('x').partition('_')[2]}"
    absent = ask(stranger, operation, recipe, nothing)
    assert absent.status_code == 404
    for id in (theirs, nobodys):
        refused = ask(stranger, operation, recipe, id)
        assert refused.status_code == 404, refused.content
        assert without_id(refused, id) == without_id(absent, nothing)
    assert OutboxEvent.objects.count() == events
    assert ask(owner, operation, recipe, theirs).status_code in (200, 201, 202, 204)


@_each([each for each in WITH_RECIPES if each.is_plain_list])
def test_lists_hold_what_is_ones_own_whatever_they_are_filtered_by(operation: Operation) -> None:
    """A stranger finds nothing with any filter that names what is another's."""
    recipe, owner, stranger = RECIPES[operation.id], SignedIn(), SignedIn()
    theirs = recipe.make(owner.customer_id)
    recipe.make(None)
    listed = owner.get(operation.at("x")).json()["data"]
    assert [row["id"] for row in listed] == [theirs]
    assert stranger.get(operation.at("x")).json()["data"] == []
    for name in operation.filters:
        for value in {theirs, owner.customer_id, str(listed[0].get(name) or "x")}:
            answer = stranger.get(f"{operation.at('x')}?{name}={value}")
            assert answer.status_code == 422 or answer.json()["data"] == [], (name, value)


@_each(WITH_RECIPES)
def test_back_ends_see_everybodys(operation: Operation) -> None:
    """One deployment serves one merchant."""
    recipe = RECIPES[operation.id]
    id = recipe.make(SignedIn().customer_id)
    assert ask(ApiConsumer(), operation, recipe, id).status_code in (200, 201, 202, 204)
