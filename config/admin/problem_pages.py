"""Errors under /admin/ as pages for people: what this service answers elsewhere as a problem document."""

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from config.api import problems

ADMIN = "/admin/"


class AdminProblemMiddleware:
    """Turns a problem document under /admin/ into a page, whoever noticed the problem, with its status and headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or not request.path_info.startswith(ADMIN):
            return response
        if not isinstance(response, HttpResponse) or response.headers.get("Content-Type") != problems.CONTENT_TYPE:
            return response
        return _page(request, response)


def _page(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Neither session nor database is asked: they may be what is missing."""
    problem = json.loads(response.content)
    page = HttpResponse(render_to_string("admin/problem.html", {"problem": problem}), status=response.status_code)
    for name, value in response.headers.items():
        if name not in ("Content-Type", "Content-Length"):
            page.headers[name] = value
    return page


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW. Only the admin has forms; nothing has been done."""
    detail = "The form was too old, or the sign-in has changed. Nothing was done: go back, reload the page, try again."
    return problems.problem(403, "csrf_failed", detail, request=request)
