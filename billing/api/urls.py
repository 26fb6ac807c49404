"""Under /api/v1/."""

from django.urls import path

from billing.api import views

urlpatterns = [
    path("auth/register", views.Register.as_view(), name="auth-register"),
    path("auth/login", views.Login.as_view(), name="auth-login"),
    path("auth/refresh", views.Refresh.as_view(), name="auth-refresh"),
    path("auth/logout", views.Logout.as_view(), name="auth-logout"),
    path("auth/me", views.Me.as_view(), name="auth-me"),
    path("auth/password/change", views.PasswordChange.as_view(), name="auth-password-change"),
    path("auth/password/reset", views.PasswordReset.as_view(), name="auth-password-reset"),
    path("auth/password/reset/confirm", views.PasswordResetConfirm.as_view(), name="auth-password-reset-confirm"),
]
