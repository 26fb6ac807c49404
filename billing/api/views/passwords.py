"""Changing one's password, and choosing another one when it is forgotten."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import services, throttling
from billing.api import serializers
from billing.api.views.accounts import OpenView, parsed, session_of


class PasswordChange(APIView):
    """Changing one's password."""

    customer_methods = {"POST"}
    further_problems = {429}

    @extend_schema(
        operation_id="auth_password_change",
        summary="Change one's password",
        request=serializers.PasswordChangeInput,
        responses={200: serializers.TokensSerializer},
    )
    def post(self, request: Request) -> Response:
        """All sessions end; the answer has the tokens of a new one. Wrong passwords count as those to sign in do."""
        data = parsed(serializers.PasswordChangeInput, request)
        session = services.change_password(
            request=request, session=session_of(request), current=data["current_password"], new=data["new_password"]
        )
        return Response(serializers.TokensSerializer(session).data)


class PasswordReset(OpenView):
    """A forgotten password."""

    further_problems = {429}

    @extend_schema(
        operation_id="auth_password_reset",
        summary="Have a token to choose a new password sent by mail",
        request=serializers.PasswordResetInput,
        responses={202: None},
    )
    def post(self, request: Request) -> Response:
        """The answer is the same whether or not anybody has an account there."""
        email = parsed(serializers.PasswordResetInput, request)["email"]
        throttling.count(request, "reset", account=email)
        services.request_password_reset(email=email)
        return Response(status=status.HTTP_202_ACCEPTED)


class PasswordResetConfirm(OpenView):
    """Choosing a new password."""

    further_problems = {429}

    @extend_schema(
        operation_id="auth_password_reset_confirm",
        summary="Choose a new password with a token out of the mail",
        request=serializers.PasswordResetConfirmInput,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        """The token is good once, for an hour. All sessions end: sign in with the new password."""
        data = parsed(serializers.PasswordResetConfirmInput, request)
        throttling.count(request, "confirm_reset", account=data["token"].partition(".")[0])
        services.reset_password(token=data["token"], new=data["new_password"])
        return Response(status=status.HTTP_204_NO_CONTENT)
