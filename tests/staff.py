"""Staff's browsers, without a browser."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client


def signed_in(*permissions: str, is_superuser: bool = False, raise_request_exception: bool = True) -> Client:
    """A member of staff who may do this much; errors of the server come out, or as the answer they get."""
    user: Any = get_user_model().objects.create(email="staff@example.com", is_staff=True, is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(raise_request_exception=raise_request_exception)
    client.force_login(user)
    return client
