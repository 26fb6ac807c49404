import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kernel import ids

# https://github.com/jetify-com/typeid/blob/main/spec/valid.json, those with a prefix
VALID = [
    ("prefix", "prefix_00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
    ("prefix", "prefix_00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
    ("prefix", "prefix_0000000000000000000000000a", "00000000-0000-0000-0000-00000000000a"),
    ("prefix", "prefix_0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
    ("prefix", "prefix_00000000000000000000000010", "00000000-0000-0000-0000-000000000020"),
    ("prefix", "prefix_7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("prefix", "prefix_0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
    ("prefix", "prefix_01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
    ("pre_fix", "pre_fix_00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
]

# https://github.com/jetify-com/typeid/blob/main/spec/invalid.json
INVALID = [
    "PREFIX_00000000000000000000000000",
    "12345_00000000000000000000000000",
    "pre.fix_00000000000000000000000000",
    "  prefix_00000000000000000000000000",
    "_00000000000000000000000000",
    "_",
    "",
    "prefix_",
    "prefix_1234567890123456789012345",
    "prefix_123456789012345678901234567",
    "prefix_1234567890123456789012345 ",
    "prefix_0123456789ABCDEFGHJKMNPQRS",
    "prefix_123456789-123456789-123456",
    "prefix_ooooooiiiiiiuuuuuuulllllll",
    "prefix_i23456789ol23456789oi23456",
    "prefix_123456789-0123456789-0123456",
    "prefix_8zzzzzzzzzzzzzzzzzzzzzzzzz",
    "_prefix_00000000000000000000000000",
    "prefix__00000000000000000000000000",
    "00000000000000000000000000",
    # What Python's int() would let pass.
    "prefix_0_23456789abcdefghjkmnpqrs",
    "prefix_ 0123456789abcdefghjkmnpqr",
    "prefix_+0123456789abcdefghjkmnpqr",
    "prefix_0123456789abcdefghjkmnpqré",
    "prefix_٠123456789abcdefghjkmnpqrs",
    "prefix_0123456789abcdefghjkmnpqr\udc80",
]


@pytest.mark.parametrize(("prefix", "text", "value"), VALID)
def test_valid_vectors_of_the_specification_go_both_ways(prefix: str, text: str, value: str) -> None:
    """Every valid TypeID decodes to its UUID and back."""
    assert ids.decode(prefix, text) == uuid.UUID(value)
    assert ids.encode(prefix, uuid.UUID(value)) == text


@pytest.mark.parametrize("text", INVALID)
def test_invalid_vectors_of_the_specification_are_refused(text: str) -> None:
    """Every invalid TypeID is a ValueError."""
    with pytest.raises(ValueError, match="prefix_"):
        ids.decode("prefix", text)


def test_an_id_of_another_kind_is_refused() -> None:
    """A payment's id is no invoice's id."""
    with pytest.raises(ValueError, match="inv_"):
        ids.decode("inv", ids.encode("pay", ids.new_uuid()))


@given(st.uuids())
def test_every_uuid_survives_the_round_trip(value: uuid.UUID) -> None:
    """No bit is lost."""
    assert ids.decode("inv", ids.encode("inv", value)) == value


@given(st.lists(st.uuids(), min_size=2, max_size=20))
def test_the_text_sorts_as_the_uuids_do(values: list[uuid.UUID]) -> None:
    """Ordering by id in Python and in the database is the same order."""
    assert [ids.encode("inv", value) for value in sorted(values)] == sorted(
        ids.encode("inv", value) for value in values
    )


def test_new_ids_are_version_7_and_grow() -> None:
    """Within one process each new id sorts after the one before, whichever way it is asked for."""
    made = [value for _ in range(1000) for value in (ids.new_uuid(), ids.decode("inv", ids.new("inv")))]
    assert {value.version for value in made} == {7}
    assert made == sorted(made)
    assert len(set(made)) == len(made)
