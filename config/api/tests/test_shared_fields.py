"""Fields made once serve every request."""

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from config.api.fields import InputSerializer


class Order(InputSerializer):
    name = serializers.CharField(max_length=5)
    tags = serializers.ListField(child=serializers.CharField(), required=False, default=list)


def test_a_class_makes_its_fields_once() -> None:
    """Instances share them; a partial one, which reads them differently, has its own."""
    assert Order(data={}).fields is Order(data={}).fields
    assert Order(data={}, partial=True).fields is not Order(data={}).fields


def test_a_request_leaves_nothing_behind_for_the_next() -> None:
    """Neither values, defaults nor errors."""
    with pytest.raises(ValidationError):
        Order(data={"name": "too long", "tags": [[]]}).is_valid(raise_exception=True)
    first, second = Order(data={"name": "a"}), Order(data={"name": "b"})
    assert first.is_valid()
    assert second.is_valid()
    first.validated_data["tags"].append("mine")
    assert first.validated_data == {"name": "a", "tags": ["mine"]}
    assert second.validated_data == {"name": "b", "tags": []}


def test_a_partial_body_needs_no_required_field_and_a_whole_one_does() -> None:
    """In whatever order they come."""
    for _ in range(2):
        assert Order(data={}, partial=True).is_valid()
        assert not Order(data={}).is_valid()
