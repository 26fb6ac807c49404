"""Staff manage users here, look at API keys, and revoke them."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from billing import services
from billing.models import ApiKey, Session, User
from config.admin import ReadOnlyInline, ReasonedAction, ReasonedActionsAdmin, Said, TypedLookups
from config.api.principals import Principal

if TYPE_CHECKING:
    BaseUserAdmin = DjangoUserAdmin[User]
    BaseGroupAdmin = DjangoGroupAdmin
else:

    class BaseUserAdmin(TypedLookups, DjangoUserAdmin, ModelAdmin):
        """In Unfold's looks."""

    class BaseGroupAdmin(TypedLookups, DjangoGroupAdmin, ModelAdmin):
        """In Unfold's looks."""


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin):
    """Sets of permissions: who may void, pay again, replay."""


class SessionInline(ReadOnlyInline):
    """Where a user is signed in."""

    model = Session
    fields = ["id", "created_at", "refreshed_at", "expires_at", "revoked_at", "revoked_reason"]
    ordering = ["-pk"]
    per_page = 20
    show_change_link = True


@admin.register(User)
class UserAdmin(BaseUserAdmin):
    """Users sign in with their e-mail address, so there is no user name."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_staff", "is_active")
    search_fields = ("email", "first_name", "last_name")
    readonly_fields = ("id", "customer", "last_login", "date_joined")
    list_select_related = ("customer",)
    inlines = (SessionInline,)
    fieldsets = (
        (None, {"fields": ("id", "email", "password")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "customer")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Sessions, of a user that is there."""
        return self.inlines if obj else ()


def _revoke(api_key: ApiKey, actor: Principal, reason: str) -> Said:
    revoked = services.revoke_api_key(api_key_id=api_key.pk, actor=actor, reason=reason)
    return Said(gettext("%(key)s no longer works.") % {"key": revoked})


@admin.register(ApiKey)
class ApiKeyAdmin(ReasonedActionsAdmin):
    """Keys are made with `manage.py create_api_key`, which shows them once, and revoked here."""

    list_display = ("id", "name", "mode", "prefix", "scopes", "created_at", "revoked_at", "latest_used_at")
    list_filter = ("mode",)
    search_fields = ("name", "prefix")
    exclude = ("secret_hash",)
    reasoned_actions = [
        ReasonedAction(
            name="revoke",
            label=_("Revoke"),
            note=_("The key stops working at once, for good."),
            perform=_revoke,
            refusal=lambda api_key: _("It has been revoked.") if api_key.revoked_at else "",
            is_grave=True,
        )
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [name for name in super().get_readonly_fields(request, obj) if name != "secret_hash"]


def _end(session: Session, actor: Principal, reason: str) -> Said:
    services.revoke_session(session_id=session.pk, actor=actor, reason=reason)
    return Said(gettext("%(user)s is signed out there.") % {"user": session.user})


@admin.register(Session)
class SessionAdmin(ReasonedActionsAdmin):
    """Sign-ins of customers. Each ends by itself, by its owner's doing, or here."""

    list_display = ("id", "user", "created_at", "refreshed_at", "expires_at", "revoked_at")
    id_search_fields = ("user", "user__customer")
    search_fields = ("user__email__exact",)
    search_help_text = _("Id of the session, the user or the customer, or an e-mail address")
    exclude = ("refresh_id", "replaced_refresh_id")
    reasoned_actions = [
        ReasonedAction(
            name="revoke",
            label=_("Sign out"),
            note=_("Its tokens stop working at once, for good."),
            perform=_end,
            refusal=lambda session: _("It has ended.") if session.revoked_at else "",
            is_grave=True,
        )
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [name for name in super().get_readonly_fields(request, obj) if name not in self.exclude]
