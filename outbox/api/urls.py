"""Under /api/v1/."""

from django.urls import path

from outbox.api import views

urlpatterns = [
    path("events", views.EventList.as_view(), name="events"),
    path("events/<str:event_id>", views.EventDetail.as_view(), name="event"),
]
