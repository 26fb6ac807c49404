"""What the tests of transactions share: a use case that stores shelves, an error, and what is stored."""

from config.kernel import db
from config.kernel.errors import Conflict
from config.kernel.tests.models import Shelf


def names() -> list[str]:
    return sorted(Shelf.objects.values_list("name", flat=True))


@db.transaction(idempotent=True)
def put(*shelf_names: str) -> str:
    for name in shelf_names:
        Shelf.objects.create(name=name)
    return "done"


class Full(Conflict):
    """The shelf is full."""
