"""What staff does to one object, with a reason: each action at a URL of its own, through one service call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_fsm import can_proceed
from unfold.widgets import UnfoldAdminTextInputWidget

from config.admin import looks
from config.admin.read_only import ReadOnlyAdmin
from config.api import card_numbers, principals
from config.api.principals import Principal
from config.kernel.errors import DomainError

MAX_REASON_LENGTH = 500
"""What every column for a reason holds."""

Text = str | Promise


class Said(NamedTuple):
    """What staff is told once an action is done, on the page `onward`, or where the action was offered.

    A `secret` stands in the answer itself, once: in no message, which a cookie or the session would keep.
    """

    text: Text
    level: int = messages.SUCCESS
    secret: str = ""
    onward: str = ""


class ReasonForm(forms.Form):
    """Why staff does it: stored with what was done, so it holds no card number."""

    reason = forms.CharField(
        max_length=MAX_REASON_LENGTH,
        widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True}),
        help_text=_("Kept for good, with your name, in the history of what you change, which the API shows too."),
    )

    permissions: ClassVar[Mapping[str, str]] = {}
    """Fields that not everybody who may do the action is asked, and the permission that each needs besides."""

    @classmethod
    def about(cls, obj: Any) -> dict[str, Any]:
        """What the form holds when it is opened for `obj`, and what else it has to know of it, also once it is sent."""
        return {}

    def close_to(self, user: Any) -> None:
        """Ask `user` nothing that needs a permission they lack; raises PermissionDenied for an answer all the same."""
        for name, permission in self.permissions.items():
            if not user.has_perm(permission):
                del self.fields[name]
                if name in self.data:
                    raise PermissionDenied

    def clean_reason(self) -> str:
        return self.without_card_number("reason")

    def without_card_number(self, name: str) -> str:
        """The field's text; a card number in it is refused, and masked where the form is shown again."""
        text: str = self.cleaned_data[name]
        if card_numbers.holds(text):
            self.data = self.data.copy()  # type: ignore[attr-defined]
            self.data[name] = card_numbers.mask_text(text)  # type: ignore[index]
            raise ValidationError(_("Never write down a card number; it is masked now."), code=card_numbers.CODE)
        return text


def never_refused(_: Any) -> Text:
    """For an action that is possible in every state."""
    return ""


def unless_transition(name: str) -> Callable[[Any], Text]:
    """For an action that makes this transition: the machine says from which states it is possible."""

    def refusal(obj: Any) -> Text:
        if can_proceed(getattr(obj, name)):
            return ""
        what = {"resource": obj._meta.verbose_name, "status": obj.get_status_display()}
        return _("Not possible: the %(resource)s is %(status)s.") % what

    return refusal


def unless_refused(check: Callable[[Any], object]) -> Callable[[Any], Text]:
    """For an action whose service begins with `check`: what its domain error says."""

    def refusal(obj: Any) -> Text:
        try:
            check(obj)
        except DomainError as error:
            return error.detail
        return ""

    return refusal


@dataclasses.dataclass(frozen=True)
class ReasonedAction:
    """Something staff does to one object and says why. `name` is its URL, and its permission "<app>.<name>_<model>",
    unless it shares that of several actions, "<app>.<permission>_<model>". One that does what another app has a
    permission for `requires` that too.

    `perform(obj, actor, reason, **answers)` makes one service call; `answers` are what `form` asks beyond the reason.
    A ValidationError that it raises says by name which of them is wrong, and is shown beside it.
    `refusal` says in a sentence why the object does not allow it now, or nothing: the button is then off, with the
    sentence beside it. It only informs: it is the service that refuses, with a domain error shown as a message.
    """

    name: str
    label: Text
    note: Text
    perform: Callable[..., Said]
    refusal: Callable[[Any], Text] = never_refused
    form: type[ReasonForm] = ReasonForm
    is_grave: bool = False
    permission: str = ""
    requires: Sequence[str] = ()

    def is_allowed_to(self, request: HttpRequest, opts: Any) -> bool:
        """Whether the user may do it to objects of the model with these options."""
        own = f"{opts.app_label}.{self.permission or self.name}_{opts.model_name}"
        return request.user.has_perms([own, *self.requires])


class ReasonedActionsAdmin(ReadOnlyAdmin):
    """Also offers `reasoned_actions`, each at a URL of its own because the admin's change view holds a transaction."""

    reasoned_actions: ClassVar[Sequence[ReasonedAction]] = ()
    change_form_outer_before_template = "admin/action_bar.html"

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
        context |= self.page_context(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def page_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the templates around the page of `obj` show: what is possible before what is not."""
        offered = [
            {"action": action, "url": f"../{action.name}/", "refusal": action.refusal(obj)}
            for action in self.reasoned_actions
            if obj is not None and action.is_allowed_to(request, self.opts)
        ]
        return {"reasoned_actions": sorted(offered, key=lambda each: bool(each["refusal"]))}

    def reasoned_view(self, request: HttpRequest, object_id: str, action: ReasonedAction) -> HttpResponse:
        """Ask for the reason, then do it and return to the object's page."""
        obj = self.get_object(request, unquote(self._quoted(object_id)))
        if obj is None:
            raise Http404
        return self.offer(request, action, obj, back="../change/")

    def offer(self, request: HttpRequest, action: ReasonedAction, obj: Any, *, back: str) -> HttpResponse:
        """As `reasoned_view`, for anything that `action` is done to; it was offered on the page `back`."""
        if not self.has_view_permission(request, obj) or not action.is_allowed_to(request, self.opts):
            raise PermissionDenied
        opened = action.form(request.POST if request.method == "POST" else None, initial=action.form.about(obj))
        opened.close_to(request.user)
        said = _do(action, obj, opened, principals.staff(request.user)) if opened.is_valid() else None
        if said is None:
            return self._ask(request, action, obj, opened, back)
        onward = said.onward or back
        if said.secret:
            return self._answer(request, "admin/shown_once.html", action, obj, said=said, onward=onward)
        self.message_user(request, str(said.text), said.level)
        return HttpResponseRedirect(onward)

    def _ask(self, request: HttpRequest, action: ReasonedAction, obj: Any, form: ReasonForm, back: str) -> HttpResponse:
        status = getattr(obj, "status", "")
        return self._answer(
            request,
            "admin/reasoned_action.html",
            action,
            obj,
            status=status and looks.label(status, obj.get_status_display()),
            refusal=action.refusal(obj),
            form=form,
            back=back,
        )

    def _answer(
        self, request: HttpRequest, template: str, action: ReasonedAction, obj: Any, **more: Any
    ) -> HttpResponse:
        original = obj if isinstance(obj, models.Model) else None
        context = {"title": action.label, "opts": self.opts, "original": original, "subject": obj, "action": action}
        context |= more
        return TemplateResponse(request, template, self.admin_site.each_context(request) | context)


def _do(action: ReasonedAction, obj: Any, form: ReasonForm, actor: Principal) -> Said | None:
    """What came of it; None when an answer is wrong, which `form` then says."""
    answers = dict(form.cleaned_data)
    try:
        return action.perform(obj, actor, answers.pop("reason"), **answers)
    except ValidationError as error:
        form.add_error(None, error)
        return None
    except DomainError as error:
        return Said(error.detail, messages.ERROR)
