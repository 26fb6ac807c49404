"""The real application over one address: how many bytes of a body arrived."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from config.wsgi import application

__all__ = ["application", "urlpatterns"]

settings.ROOT_URLCONF = __name__

handler400 = handler404 = "config.api.problems.refused"
handler500 = "config.api.problems.failed"


@csrf_exempt
@require_POST
def echo(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"bytes": len(request.body)})


urlpatterns = [path("echo", echo)]
