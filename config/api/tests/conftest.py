"""A back end with a real API key, as the tests of the HTTP edge use it."""

import pytest
from django.test import Client

from billing import services
from config.api import principals
from config.api.scopes import SCOPES


@pytest.fixture
def api_key(db: None) -> services.CreatedApiKey:
    return services.create_api_key(name="tests", scopes=list(SCOPES), mode="test", actor=principals.system("tests"))


@pytest.fixture
def api(api_key: services.CreatedApiKey) -> Client:
    """Sends the key; errors come back as responses, as they do to a real client."""
    return Client(raise_request_exception=False, headers={"authorization": f"Bearer {api_key.secret}"})
