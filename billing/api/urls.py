"""Under /api/v1/."""

from django.urls import path

from billing.api import views
from billing.api.views import plans, subscriptions, usage

urlpatterns = [
    path("auth/register", views.Register.as_view(), name="auth-register"),
    path("auth/login", views.Login.as_view(), name="auth-login"),
    path("auth/refresh", views.Refresh.as_view(), name="auth-refresh"),
    path("auth/logout", views.Logout.as_view(), name="auth-logout"),
    path("auth/me", views.Me.as_view(), name="auth-me"),
    path("auth/password/change", views.PasswordChange.as_view(), name="auth-password-change"),
    path("auth/password/reset", views.PasswordReset.as_view(), name="auth-password-reset"),
    path("auth/password/reset/confirm", views.PasswordResetConfirm.as_view(), name="auth-password-reset-confirm"),
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
