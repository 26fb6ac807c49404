"""The admin's base classes: staff look at money and state here, and change them only through services."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db import models
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from config.api import card_numbers, principals
from config.api.principals import Principal
from config.kernel.errors import DomainError
from config.kernel.fields import PrefixedIdField

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline

MAX_REASON_LENGTH = 500
"""What every column for a reason holds."""


class ReadOnlyInline(TabularInline):
    """Rows shown on the page of what they belong to; nothing can be added, edited or deleted."""

    extra = 0

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[Any]:
        """Its `fields`: Django takes the others for a form's, and refuses those that are not editable."""
        return list(self.fields or ())

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False


class ReadOnlyAdmin(ModelAdmin):
    """Nothing can be added, edited or deleted; everything is shown, and found by any of its ids.

    The search box takes the object's own id, an id in one of `id_search_fields` (names of foreign keys, also across
    relations: "payment__invoice"), or text in `search_fields`.
    """

    id_search_fields: ClassVar[Sequence[str]] = ()
    ordering = ("-pk",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        declared = [str(field) for field in super().get_readonly_fields(request, obj)]
        stored = [field.name for field in (*self.opts.concrete_fields, *self.opts.local_many_to_many)]
        return [*stored, *(name for name in declared if name not in stored)]

    def get_list_select_related(self, request: HttpRequest) -> list[str]:
        """Every foreign key of the list, nullable ones too: Django's own guess leaves those out, one query per row."""
        declared = super().get_list_select_related(request)
        names = list(declared) if isinstance(declared, list | tuple) else []
        shown = {name for name in self.get_list_display(request) if isinstance(name, str)}
        return [*names, *(f.name for f in self.opts.concrete_fields if f.is_relation and f.name in shown)]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Never empty, because Django shows the search box only then."""
        return tuple(super().get_search_fields(request)) or ("pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        by_id = self._id_query(term)
        if by_id is not None and not self.search_fields:
            return queryset.filter(by_id), False
        if not self.search_fields:
            return queryset.none(), False
        found, may_have_duplicates = super().get_search_results(request, queryset, term)
        if by_id is None:
            return found, may_have_duplicates
        return queryset.filter(Q(pk__in=found.values("pk")) | by_id), False

    def _id_query(self, term: str) -> Q | None:
        query: Q | None = None
        for name in ("pk", *self.id_search_fields):
            try:
                value = _target_field(self.model, name).to_python(term)
            except ValidationError:
                continue
            query = Q(**{name: value}) if query is None else query | Q(**{name: value})
        return query

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().change_view(request, self._quoted(object_id), form_url, extra_context)

    def _quoted(self, object_id: str) -> str:
        """An id typed into the address bar, as the admin's own links spell it ("_" is its escape character)."""
        pk = self.opts.pk
        if not isinstance(pk, PrefixedIdField) or not object_id.startswith(f"{pk.prefix}_"):
            return object_id
        try:
            pk.to_python(object_id)
        except ValidationError:
            return object_id
        return quote(object_id)


class Said(NamedTuple):
    """What staff is told once an action is done."""

    text: str
    level: int = messages.SUCCESS


def always(_: Any) -> bool:
    """An action that every object's page offers."""
    return True


@dataclasses.dataclass(frozen=True)
class ReasonedAction:
    """Something staff does to one object and says why. `name` is its URL, and its permission "<app>.<name>_<model>".

    `perform` makes one service call with the object, the actor and the reason. `is_offered` only hides the button: it
    is the service that refuses, with a domain error that is shown as a message.
    """

    name: str
    label: str | Promise
    note: str | Promise
    perform: Callable[[Any, Principal, str], Said]
    is_offered: Callable[[Any], bool] = always


class ReasonForm(forms.Form):
    """Why staff does it: stored with what was done, so it holds no card number."""

    reason = forms.CharField(max_length=MAX_REASON_LENGTH, widget=forms.TextInput(attrs={"size": 80}))

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if card_numbers.holds(reason):
            self.data = {"reason": card_numbers.mask_text(reason)}
            raise ValidationError(_("Never write down a card number; it is masked now."), code=card_numbers.CODE)
        return reason


class ReasonedActionsAdmin(ReadOnlyAdmin):
    """Also offers `reasoned_actions`, each at a URL of its own because the admin's change view holds a transaction."""

    reasoned_actions: ClassVar[Sequence[ReasonedAction]] = ()
    change_form_template = "admin/change_form_with_actions.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reasoned_view)
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(f"<path:object_id>/{action.name}/", view, {"action": action}, name=f"{prefix}_{action.name}")
            for action in self.reasoned_actions
        ]
        return [*own, *super().get_urls()]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        context["reasoned_actions"] = [
            {"label": action.label, "url": f"../{action.name}/"}
            for action in self.reasoned_actions
            if obj is not None and self._may(request, action) and action.is_offered(obj)
        ]
        return super().render_change_form(request, context, add, change, form_url, obj)

    def reasoned_view(self, request: HttpRequest, object_id: str, action: ReasonedAction) -> HttpResponse:
        """Ask for the reason, then do it and return to the object's page."""
        obj = self.get_object(request, unquote(self._quoted(object_id)))
        if obj is None:
            raise Http404
        if not self.has_view_permission(request, obj) or not self._may(request, action):
            raise PermissionDenied
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask(request, action, obj, form)
        try:
            said = action.perform(obj, principals.staff(request.user), form.cleaned_data["reason"])
        except DomainError as error:
            said = Said(error.detail, messages.ERROR)
        self.message_user(request, said.text, said.level)
        return HttpResponseRedirect("../change/")

    def _ask(self, request: HttpRequest, action: ReasonedAction, obj: Any, form: ReasonForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": action.label,
            "subtitle": str(obj),
            "opts": self.opts,
            "original": obj,
            "note": action.note,
            "form": form,
        }
        return TemplateResponse(request, "admin/reasoned_action.html", context)

    def _may(self, request: HttpRequest, action: ReasonedAction) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{action.name}_{self.opts.model_name}")


def _target_field(model: type[models.Model], path: str) -> models.Field[Any, Any]:
    """The primary key at the end of `path`. Raises FieldDoesNotExist for a path that is not a relation."""
    for name in path.split("__"):
        if name == "pk":
            break
        related = model._meta.get_field(name).related_model
        if related is None or isinstance(related, str):
            raise FieldDoesNotExist(f"{name} of {model.__name__} is not a relation")
        model = related
    assert model._meta.pk is not None
    return model._meta.pk
