"""Where providers send their webhooks. Outside /api/v1: plain views, any content type, only the signature counts."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from config.api import problems
from payments.providers.base import BadSignature
from webhooks.inbound import services


@csrf_exempt
@require_POST
def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """200 with `{"status", "id"}` once the event is safe; 503 asks the provider to send it again."""
    try:
        answer = services.receive(path=provider, body=request.body, headers=request.headers)
    except BadSignature:
        detail = "The signature is missing, malformed, wrong, or more than 300 s away from now."
        return problems.problem(400, "bad_signature", detail, request=request)
    return JsonResponse({"status": answer.status, "id": answer.id})
