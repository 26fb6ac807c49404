"""Under /api/v1/."""

from django.urls import path

from webhooks.outbound.api import views

_ONE = "webhook-endpoints/<str:endpoint_id>"

urlpatterns = [
    path("webhook-endpoints", views.EndpointList.as_view(), name="webhook-endpoints"),
    path(_ONE, views.EndpointDetail.as_view(), name="webhook-endpoint"),
    path(f"{_ONE}/rotate", views.EndpointRotate.as_view(), name="webhook-endpoint-rotate"),
    path(f"{_ONE}/test", views.EndpointTest.as_view(), name="webhook-endpoint-test"),
    path(f"{_ONE}/pause", views.EndpointPause.as_view(), name="webhook-endpoint-pause"),
    path(f"{_ONE}/resume", views.EndpointResume.as_view(), name="webhook-endpoint-resume"),
    path(f"{_ONE}/disable", views.EndpointDisable.as_view(), name="webhook-endpoint-disable"),
    path(f"{_ONE}/enable", views.EndpointEnable.as_view(), name="webhook-endpoint-enable"),
    path(f"{_ONE}/deliveries", views.EndpointDeliveries.as_view(), name="webhook-endpoint-deliveries"),
    path(
        f"{_ONE}/deliveries/resend",
        views.EndpointDeliveriesResend.as_view(),
        name="webhook-endpoint-deliveries-resend",
    ),
    path("webhook-deliveries/<str:delivery_id>", views.DeliveryDetail.as_view(), name="webhook-delivery"),
    path("webhook-deliveries/<str:delivery_id>/resend", views.DeliveryResend.as_view(), name="webhook-delivery-resend"),
]
