import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One xdist worker plays them all: each would parse the whole tree by itself."""
    for item in items:
        if "tests/architecture" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group("architecture"))
