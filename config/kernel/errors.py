"""The four families every domain error belongs to. They know nothing of HTTP; `config.api.problems` translates them."""

import dataclasses
import inspect
from typing import Any, ClassVar


@dataclasses.dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field of the input: `field` is a dotted path, `detail` says what to send instead."""

    field: str
    code: str
    detail: str


class DomainError(Exception):
    """The request cannot be done."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str | None = None, **attributes: Any) -> None:
        """The class docstring, filled in with `attributes`, is the message; each attribute is also set on the error."""
        self.attributes = attributes
        for name, value in attributes.items():
            setattr(self, name, value)
        template = inspect.cleandoc(type(self).__doc__ or "")
        self.detail = detail if detail is not None else template.format(**attributes)
        super().__init__(self.detail)


class NotFound(DomainError):
    """No such object."""

    code = "not_found"


class Conflict(DomainError):
    """The object is not in a state that allows this."""

    code = "conflict"


class Invalid(DomainError):
    """The input is not valid."""

    code = "invalid"

    def __init__(self, detail: str | None = None, *, errors: tuple[FieldError, ...] = (), **attributes: Any) -> None:
        super().__init__(detail, **attributes)
        self.errors = errors


class Unavailable(DomainError):
    """The service cannot answer right now; nothing was stored unless a repetition says so. Try again shortly."""

    code = "unavailable"
    retry_after_seconds = 1


class ForbiddenTransition(Conflict):
    """Cannot {action} {resource} in {status} status."""

    code = "forbidden_transition"

    def __init__(self, *, action: str, resource: str, status: str, id: str) -> None:
        super().__init__(action=action, resource=resource, status=status, id=id)
