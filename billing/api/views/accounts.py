"""Registering, signing in and out, and who one is."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import TokenError

from billing import services, throttling
from billing.api import serializers
from billing.models import Session, User
from billing.tokens import RefreshToken
from config.api.fields import InputSerializer
from config.api.permissions import principal_of


class WrongCredentials(AuthenticationFailed):
    """Also for accounts that do not exist, are deactivated or belong to staff."""

    default_code = "wrong_credentials"
    default_detail = "The e-mail address or the password is wrong."


class InvalidRefreshToken(AuthenticationFailed):
    """Not ours, expired, used before, or of a session that has ended."""

    default_code = "invalid_refresh_token"
    default_detail = "The refresh token is not valid, or its session has ended: sign in again."


class OpenView(APIView):
    """A view for whoever has no credential yet; one that is sent all the same is not looked at."""

    authentication_classes = ()
    permission_classes = ()


def parsed(serializer: type[InputSerializer], request: Request) -> dict[str, Any]:
    """The body as `serializer` understands it; raises a 422."""
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    data: dict[str, Any] = body.validated_data
    return data


class Register(OpenView):
    """Becoming a customer."""

    further_problems = {429}

    @extend_schema(
        operation_id="auth_register",
        summary="Register",
        request=serializers.RegisterInput,
        responses={201: serializers.TokensSerializer},
    )
    def post(self, request: Request) -> Response:
        """Makes an account and the customer that it is, and signs in. What is refused tells nothing of who has one."""
        data = parsed(serializers.RegisterInput, request)
        throttling.count(request, "register", account=data["email"])
        session = services.register(**data)
        return Response(serializers.TokensSerializer(session).data, status=status.HTTP_201_CREATED)


class Login(OpenView):
    """Signing in."""

    further_problems = {401, 429}

    @extend_schema(
        operation_id="auth_login",
        summary="Sign in",
        request=serializers.LoginInput,
        responses={200: serializers.TokensSerializer},
    )
    def post(self, request: Request) -> Response:
        """Five wrong passwords from one address close the account to that address for a quarter of an hour."""
        session = services.sign_in(request=request, **parsed(serializers.LoginInput, request))
        if session is None:
            raise WrongCredentials()
        return Response(serializers.TokensSerializer(session).data)


class Refresh(OpenView):
    """Staying signed in."""

    further_problems = {401, 429}

    @extend_schema(
        operation_id="auth_refresh",
        summary="Exchange a refresh token for new tokens",
        request=serializers.RefreshInput,
        responses={200: serializers.TokensSerializer},
    )
    def post(self, request: Request) -> Response:
        """Each is good once: the same one again within ten seconds gets the same answer, later it ends the session."""
        claims = _claims(parsed(serializers.RefreshInput, request)["refresh"])
        throttling.count(request, "refresh", account=claims["sid"])
        session = services.refresh_session(session_id=claims["sid"], refresh_id=claims["jti"])
        if session is None:
            raise InvalidRefreshToken()
        return Response(serializers.TokensSerializer(session).data)


class Logout(APIView):
    """Signing out."""

    permission_classes = ()
    customer_methods = {"POST"}
    further_problems = {401}

    def perform_authentication(self, request: Request) -> None:
        """Left to `post`: one good token is enough, whatever is wrong with the other."""

    @extend_schema(
        operation_id="auth_logout", summary="Sign out", request=serializers.LogoutInput, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """Neither token of the session is good any more; also when it has ended before. One of them is enough."""
        refresh = parsed(serializers.LogoutInput, request).get("refresh")
        services.sign_out(session_ids=_named_sessions(request, refresh))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Me(APIView):
    """Whoever is signed in."""

    customer_methods = {"GET", "PATCH"}

    @extend_schema(operation_id="auth_me", summary="Who is signed in", responses={200: serializers.UserSerializer})
    def get(self, request: Request) -> Response:
        user = User.objects.get(pk=session_of(request).user_id)
        return Response(serializers.UserSerializer(user).data)

    @extend_schema(
        operation_id="auth_me_update",
        summary="Change one's names",
        request=serializers.MeInput,
        responses={200: serializers.UserSerializer},
    )
    def patch(self, request: Request) -> Response:
        user = services.rename(
            user_id=session_of(request).user_id,
            customer_id=principal_of(request).id,
            changes=parsed(serializers.MeInput, request),
        )
        return Response(serializers.UserSerializer(user).data)


def session_of(request: Request) -> Session:
    """The session of a customer, in a view that is closed to API keys."""
    assert isinstance(request.auth, Session)
    return request.auth


def _named_sessions(request: Request, refresh: str | None) -> list[str]:
    """Those of the tokens that are good; raises what is wrong where none is."""
    found: list[str] = []
    refusal: APIException = NotAuthenticated()
    try:
        found += [request.auth.pk] if isinstance(request.auth, Session) else []
    except AuthenticationFailed as error:
        refusal = error
    try:
        found += [_claims(refresh)["sid"]] if refresh else []
    except InvalidRefreshToken as error:
        refusal = error
    if not found:
        raise refusal
    return found


def _claims(token: str) -> RefreshToken:
    try:
        return RefreshToken(token)  # type: ignore[arg-type]
    except TokenError as error:
        raise InvalidRefreshToken() from error
