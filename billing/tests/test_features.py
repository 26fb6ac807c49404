"""What a plan may say of its features, and what that means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import services
from billing.services.features import MAX_FEATURES, MAX_LIMIT, Feature, Overage, problems, read
from billing.tests.factories import make_plan
from config.kernel import money

VALID: list[tuple[Any, Feature]] = [
    (True, Feature("f", is_metered=False)),
    (False, Feature("f", is_metered=False, is_enabled=False)),
    ({"enabled": True}, Feature("f", is_metered=False)),
    ({"enabled": False}, Feature("f", is_metered=False, is_enabled=False)),
    ({"limit": None}, Feature("f", is_metered=True)),
    ({"limit": 0}, Feature("f", is_metered=True, limit=0)),
    ({"limit": MAX_LIMIT}, Feature("f", is_metered=True, limit=MAX_LIMIT)),
    ({"limit": "1GB"}, Feature("f", is_metered=True, limit=10**9)),
    ({"limit": "512 MiB"}, Feature("f", is_metered=True, limit=512 * 2**20)),
    ({"limit": "0B"}, Feature("f", is_metered=True, limit=0)),
    ({"limit": "1000TB"}, Feature("f", is_metered=True, limit=10**15)),
    ({"limit": "7kB"}, Feature("f", is_metered=True, limit=7000)),
    ({"limit": "2KiB"}, Feature("f", is_metered=True, limit=2048)),
    (
        {"limit": 10, "overage": {"unit_amount": 5}},
        Feature("f", is_metered=True, limit=10, overage=Overage(unit_amount=5, per=1)),
    ),
    (
        {"limit": "1MB", "overage": {"unit_amount": money.MAX_AMOUNT, "per": MAX_LIMIT}},
        Feature("f", is_metered=True, limit=10**6, overage=Overage(unit_amount=money.MAX_AMOUNT, per=MAX_LIMIT)),
    ),
]
INVALID: list[Any] = [
    None, 1, 0, 1.5, "", "1GB", "true", [], [True], {}, {"enabled": 1}, {"enabled": "yes"}, {"enabled": None},
    {"enabled": True, "limit": 1}, {"enabled": True, "note": ""}, {"limit": -1}, {"limit": MAX_LIMIT + 1},
    {"limit": 1.0}, {"limit": True}, {"limit": False}, {"limit": "1"}, {"limit": "GB"}, {"limit": "1gb"},
    {"limit": "1 GB "}, {"limit": " 1GB"}, {"limit": "1  GB"}, {"limit": "1.5GB"}, {"limit": "-1GB"},
    {"limit": "1GB\n"},
    {"limit": "1001TB"}, {"limit": "9999999999999GB"}, {"limit": "١GB"}, {"limit": []}, {"limit": {}},
    {"limit": 1, "per": 1}, {"overage": {"unit_amount": 1}}, {"limit": None, "overage": {"unit_amount": 1}},
    {"limit": 1, "overage": None}, {"limit": 1, "overage": 5}, {"limit": 1, "overage": {}},
    {"limit": 1, "overage": {"per": 1}}, {"limit": 1, "overage": {"unit_amount": 0}},
    {"limit": 1, "overage": {"unit_amount": -1}}, {"limit": 1, "overage": {"unit_amount": 0.5}},
    {"limit": 1, "overage": {"unit_amount": "5"}}, {"limit": 1, "overage": {"unit_amount": True}},
    {"limit": 1, "overage": {"unit_amount": money.MAX_AMOUNT + 1}},
    {"limit": 1, "overage": {"unit_amount": 1, "per": 0}},
    {"limit": 1, "overage": {"unit_amount": 1, "per": True}}, {"limit": 1, "overage": {"unit_amount": 1, "per": 1.0}},
    {"limit": 1, "overage": {"unit_amount": 1, "per": MAX_LIMIT + 1}},
    {"limit": 1, "overage": {"unit_amount": 1, "currency": "EUR"}}, {"limit": 1, "overage": [5]},
]  # fmt: skip
NAMES = ["a", "api_calls", "s3", "a" * 50]
NO_NAMES = ["", "A", "Api", "1st", "_a", "api-calls", "api calls", "ä", "a" * 51, "a\n", "a.b", " a"]


@pytest.mark.parametrize(("value", "feature"), VALID, ids=str)
def test_what_is_valid_is_read(value: Any, feature: Feature) -> None:
    """Switches, limits, sizes in bytes, and what costs more."""
    assert list(problems({"f": value})) == []
    assert read({"f": value}) == {"f": feature}


@pytest.mark.parametrize("value", INVALID, ids=repr)
def test_what_is_not_is_said_beside_its_name(value: Any) -> None:
    """One sentence that says what to send."""
    (error,) = problems({"f": value})
    assert (error.field, error.code) == ("features.f", "invalid_feature")
    assert error.detail.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_lower_case(name: str) -> None:
    """Letters, digits, underscores."""
    assert list(problems({name: True})) == []


@pytest.mark.parametrize("name", NO_NAMES)
def test_another_name_is_refused(name: str) -> None:
    """Whatever it is the name of."""
    assert [error.detail[:8] for error in problems({name: True})] == ["Name fea"]


def test_there_are_not_too_many() -> None:
    """A hundred will do."""
    assert list(problems({f"f{number}": True for number in range(MAX_FEATURES)})) == []
    (error,) = problems({f"f{number}": True for number in range(MAX_FEATURES + 1)})
    assert (error.field, error.code) == ("features", "too_many")


def test_each_wrong_one_is_named() -> None:
    """So that a form is mended in one go."""
    found = [error.field for error in problems({"a": 1, "b": True, "c": {"limit": "much"}})]
    assert found == ["features.a", "features.c"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["limit", "enabled", "overage", "unit_amount", "per"]) | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(features=st.dictionaries(st.sampled_from(["a", "b", "A"]) | st.text(max_size=5), _json, max_size=4))
def test_whatever_is_sent_is_either_refused_or_read(features: dict[str, Any]) -> None:
    """Nothing breaks on the way, and nothing gets through that cannot be read later."""
    if not list(problems(features)):
        for feature in read(features).values():
            assert feature.limit is None or 0 <= feature.limit <= MAX_LIMIT


@pytest.mark.parametrize(
    ("used", "units"), [(0, 0), (10, 0), (11, 1), (109, 1), (110, 1), (111, 2), (10**15, 9_999_999_999_999 + 1)]
)
def test_each_lot_that_was_begun_over_the_limit_counts(used: int, units: int) -> None:
    """A hundred calls over a limit of ten."""
    assert Overage(unit_amount=5, per=100).units(used, limit=10) == units


@pytest.mark.django_db
def test_a_plan_with_wrong_features_is_not_made() -> None:
    """The service says what is wrong with each."""
    with pytest.raises(services.InvalidPlan) as refusal:
        make_plan(features={"a": 1, "B": True})
    assert {error.field for error in refusal.value.errors} == {"features.a", "features.B"}
