"""Under /api/v1/."""

from django.urls import path

from billing.api.views import plans, subscriptions, usage

urlpatterns = [
    path("plans", plans.PlanList.as_view(), name="plans"),
    path("plans/<str:plan_id>", plans.PlanDetail.as_view(), name="plan"),
    path("subscriptions", subscriptions.SubscriptionList.as_view(), name="subscriptions"),
    path("subscriptions/me", subscriptions.SubscriptionsMine.as_view(), name="subscriptions-mine"),
    path("subscriptions/trial", subscriptions.SubscriptionTrial.as_view(), name="subscription-trial"),
    path("subscriptions/<str:subscription_id>", subscriptions.SubscriptionDetail.as_view(), name="subscription"),
    path(
        "subscriptions/<str:subscription_id>/cancel",
        subscriptions.SubscriptionCancel.as_view(),
        name="subscription-cancel",
    ),
    path(
        "subscriptions/<str:subscription_id>/reactivate",
        subscriptions.SubscriptionReactivate.as_view(),
        name="subscription-reactivate",
    ),
    path("usage/use", usage.UsageUse.as_view(), name="usage-use"),
    path("usage/me", usage.UsageMine.as_view(), name="usage-mine"),
    path("usage/limits", usage.UsageLimits.as_view(), name="usage-limits"),
]
