"""The operations of the OpenAPI document, and what their views say of customers."""

import dataclasses
import re
from typing import Any

from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from config.api import permissions


@dataclasses.dataclass(frozen=True)
class Operation:
    """`path` as in the document, from /api/v1 on; `filters` are the query parameters that are texts."""

    id: str
    method: str
    path: str
    is_open: bool
    is_list: bool
    filters: tuple[str, ...]

    @property
    def names_something(self) -> bool:
        """Whether there is an id in the path."""
        return "{" in self.path

    @property
    def is_plain_list(self) -> bool:
        """Whether it lists what whoever asks may see, of whatever it belongs to."""
        return self.is_list and not self.names_something

    @property
    def is_for_customers(self) -> bool:
        """Whether its view lets customers do it."""
        view: Any = resolve(self.at("x", full=True)).func
        return self.method in permissions.customer_methods(view.view_class)

    def at(self, id: str, *, full: bool = False) -> str:
        """The path with `id` in it, from below /api/v1/ unless `full`."""
        path = re.sub(r"{\w+}", id, self.path)
        return path if full else path.removeprefix("/api/v1/")


def _operations() -> list[Operation]:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]  # type: ignore[no-untyped-call]
    return [_operation(method, path, found) for path, methods in paths.items() for method, found in methods.items()]


def _operation(method: str, path: str, found: dict[str, Any]) -> Operation:
    names = {each["name"]: each for each in found.get("parameters", []) if each.get("in") == "query"}
    return Operation(
        id=found["operationId"],
        method=method.upper(),
        path=path,
        is_open=not found.get("security"),
        is_list="cursor" in names,
        filters=tuple(name for name, each in names.items() if each["schema"] == {"type": "string", "minLength": 1}),
    )


OPERATIONS = _operations()
