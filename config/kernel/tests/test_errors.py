import pytest

from config.kernel.errors import Conflict, DomainError, FieldError, ForbiddenTransition, Invalid, NotFound, Unavailable


class CrateNotFound(NotFound):
    """There is no crate {crate_id}."""

    code = "crate_not_found"


def test_the_docstring_filled_in_is_the_message() -> None:
    """A domain error's docstring, with its attributes filled in, is what a person reads."""
    error = CrateNotFound(crate_id="crate_7")
    assert str(error) == error.detail == "There is no crate crate_7."


def test_attributes_are_set_on_the_error() -> None:
    """Handlers read the ids from the error instead of parsing its message."""
    error = CrateNotFound(crate_id="crate_7")
    assert vars(error)["crate_id"] == "crate_7"
    assert error.attributes == {"crate_id": "crate_7"}


def test_a_detail_given_replaces_the_docstring_untouched() -> None:
    """A detail is taken as it is, so braces in it mean nothing."""
    assert CrateNotFound("Look at {shelf} 3.", crate_id="crate_7").detail == "Look at {shelf} 3."


def test_a_docstring_of_several_lines_is_dedented() -> None:
    """The message of a long docstring carries no source indentation."""

    class Long(Conflict):
        """The crate is full.

        Take another.
        """

    assert Long().detail == "The crate is full.\n\nTake another."


def test_a_template_without_its_attribute_is_a_loud_mistake() -> None:
    """Forgetting an attribute that the message needs fails at the raise."""
    with pytest.raises(KeyError, match="crate_id"):
        CrateNotFound()


def test_invalid_carries_what_is_wrong_with_which_field() -> None:
    """Field errors travel beside the message and do not become attributes."""
    problem = FieldError("lines.0.amount", "not_positive", "Send at least 1.")
    error = Invalid(errors=(problem,))
    assert error.errors == (problem,)
    assert error.attributes == {}


def test_a_forbidden_transition_is_a_sentence() -> None:
    """Made from the parts of the transition."""
    error = ForbiddenTransition(action="refund", resource="payment", status="processing", id="pay_1")
    assert error.detail == "Cannot refund payment in processing status."
    assert error.attributes["id"] == "pay_1"


@pytest.mark.parametrize(
    ("family", "code"),
    [
        (NotFound, "not_found"),
        (Conflict, "conflict"),
        (Invalid, "invalid"),
        (Unavailable, "unavailable"),
        (ForbiddenTransition, "forbidden_transition"),
    ],
)
def test_every_family_has_its_code(family: type[DomainError], code: str) -> None:
    """The code is stable: clients switch on it."""
    assert issubclass(family, DomainError)
    assert family.code == code


def test_unavailable_says_when_to_come_back() -> None:
    """Retry-After has a value even when nobody sets one."""
    assert Unavailable().retry_after_seconds == 1


def test_a_forbidden_transition_is_a_conflict() -> None:
    """Whoever handles conflicts handles forbidden transitions."""
    assert issubclass(ForbiddenTransition, Conflict)
