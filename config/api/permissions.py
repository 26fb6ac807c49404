"""What a credential may do. A view names a scope per method; a method that names none is allowed to no API key.

A customer, who has no scopes, may use the methods that the view names in `customer_methods`, and sees there only what
is theirs: the view's QuerySet and services see to that, and a foreign object is a 404.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.api.principals import Principal

if TYPE_CHECKING:
    from rest_framework.views import APIView


class MissingScope(PermissionDenied):
    """The credential is good and not enough."""

    default_code = "missing_scope"


class NotForCustomers(PermissionDenied):
    """Only the merchant's back ends do this."""

    default_code = "not_for_customers"
    default_detail = "This is for the merchant's back ends only."


class HasScope(BasePermission):
    """Reads the view's `required_scopes`, {"GET": "invoices:read", "POST": "invoices:write"}, and `customer_methods`,
    {"GET"}.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """False for an unauthenticated request (401); raises MissingScope or NotForCustomers (403)."""
        principal = request.user
        if not isinstance(principal, Principal):
            return False
        method = "GET" if request.method == "HEAD" else request.method or ""
        if not _is_served(view, method):
            return True
        if principal.kind == "customer":
            if method not in customer_methods(view):
                raise NotForCustomers()
            return True
        scope = required_scopes(view).get(method)
        if scope is None or scope not in principal.scopes:
            raise MissingScope(f"This needs the scope {scope}." if scope else "No scope allows this.")
        return True


def principal_of(request: Request) -> Principal:
    """Who asks, in a view that HasScope guards."""
    principal = request.user
    assert isinstance(principal, Principal)
    return principal


def required_scopes(view: Any) -> dict[str, str]:
    """The view's declaration, empty when it has none."""
    declared: dict[str, str] = getattr(view, "required_scopes", {})
    return declared


def customer_methods(view: Any) -> frozenset[str]:
    """What the view lets customers do, nothing when it does not say."""
    declared: Collection[str] = getattr(view, "customer_methods", ())
    return frozenset(declared)


def _is_served(view: "APIView", method: str) -> bool:
    """A method without a handler goes on to its 405, and so does OPTIONS: no metadata is served about views."""
    return method != "OPTIONS" and hasattr(view, method.lower())
