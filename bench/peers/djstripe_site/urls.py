"""dj-stripe's own, and a page that says that the site is up."""

from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("stripe/", include("djstripe.urls", namespace="djstripe")),
    path("health", lambda request: HttpResponse("ok")),
]
