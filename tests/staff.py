"""Staff's browsers, without a browser."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client


def signed_in(*permissions: str, is_superuser: bool = False) -> Client:
    """A member of staff who may do this much."""
    user: Any = get_user_model().objects.create(email="staff@example.com", is_staff=True, is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client
