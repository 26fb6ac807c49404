"""Included under /webhooks/."""

from django.urls import path

from webhooks.inbound.api import views

urlpatterns = [path("<str:provider>", views.receive, name="inbound-webhook")]
