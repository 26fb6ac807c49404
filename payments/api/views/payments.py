"""Payments over HTTP: parse, one service call, translate."""

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing import services as billing
from config.api import idempotency_header
from config.api.lists import VisibleList
from config.api.permissions import NotForCustomers, principal_of
from config.kernel.fields import by_id_or
from payments import services
from payments.api import serializers
from payments.api.filters import PaymentFilter
from payments.models import Payment
from payments.states import PaymentStatus

_CREATED = {201: serializers.PaymentSerializer, 200: serializers.PaymentSerializer}


class InvoicePay(APIView):
    """Paying an invoice."""

    idempotency_key_required = True
    required_scopes = {"POST": "payments:write"}
    customer_methods = {"POST"}

    @extend_schema(
        operation_id="invoices_pay",
        summary="Pay what is due on an invoice",
        request=serializers.TermsInput,
        responses=_CREATED,
    )
    def post(self, request: Request, invoice_id: str) -> Response:
        key = idempotency_header.required(request, "invoices.pay")
        body = serializers.TermsInput(data=request.data)
        body.is_valid(raise_exception=True)
        created = services.pay_invoice(
            actor=principal_of(request), invoice_id=invoice_id, terms=body.to_terms(), key=key
        )
        return idempotency_header.answer(created, serializers.PaymentSerializer.seen_by(principal_of(request)))


@extend_schema_view(get=extend_schema(operation_id="payments_list", summary="List payments, newest first"))
class PaymentList(VisibleList[Payment]):
    """Payments: history and create."""

    queryset = Payment.objects.all()
    body_names_objects = True
    idempotency_key_required = True
    required_scopes = {"GET": "payments:read", "POST": "payments:write"}
    customer_methods = {"GET", "POST"}
    serializer_class = serializers.PaymentSerializer
    filterset_class = PaymentFilter
    page_by = ["id"]

    @extend_schema(
        operation_id="payments_create",
        summary="Pay an invoice, what a subscription owes, or an order whose invoice is issued on the first request",
        request=serializers.PaymentInput,
        responses=_CREATED,
    )
    def post(self, request: Request) -> Response:
        key = idempotency_header.required(request, "payments.create")
        body = serializers.PaymentInput(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        if "invoice" in data:
            created = services.pay_invoice(
                actor=principal_of(request),
                invoice_id=data["invoice"],
                terms=body.to_terms(),
                key=key,
                amount=data.get("amount"),
                currency=data.get("currency"),
            )
        elif "subscription" in data:
            created = billing.pay_subscription(
                actor=principal_of(request), subscription_id=data["subscription"], terms=body.to_terms(), key=key
            )
        elif principal_of(request).kind == "customer":
            raise NotForCustomers(
                "Name an invoice or a subscription: what an order costs is for the merchant's back ends to say."
            )
        else:
            created = services.pay_order(
                actor=principal_of(request), new=body.to_new_invoice(), terms=body.to_terms(), key=key
            )
        return idempotency_header.answer(created, serializers.PaymentSerializer.seen_by(principal_of(request)))


class PaymentDetail(APIView):
    """One payment."""

    required_scopes = {"GET": "payments:read"}
    customer_methods = {"GET"}

    @extend_schema(
        operation_id="payments_retrieve", summary="Get a payment", responses={200: serializers.PaymentSerializer}
    )
    def get(self, request: Request, payment_id: str) -> Response:
        principal = principal_of(request)
        payment = by_id_or(services.PaymentNotFound, Payment.objects.visible_to(principal), payment_id)
        return Response(serializers.PaymentSerializer.seen_by(principal)(payment).data)


class PaymentConfirm(APIView):
    """Confirming a manual payment."""

    required_scopes = {"POST": "payments:write"}

    @extend_schema(
        operation_id="payments_confirm",
        summary="Say that the money of a manual payment has arrived, be it late",
        request=serializers.ConfirmInput,
        responses={200: serializers.PaymentSerializer},
    )
    def post(self, request: Request, payment_id: str) -> Response:
        body = serializers.ConfirmInput(data=request.data)
        body.is_valid(raise_exception=True)
        payment = services.confirm_payment(actor=principal_of(request), payment_id=payment_id, **body.validated_data)
        return Response(serializers.PaymentSerializer(payment).data)


class PaymentFail(APIView):
    """Failing a manual payment."""

    required_scopes = {"POST": "payments:write"}

    @extend_schema(
        operation_id="payments_fail",
        summary="Say that the money of a manual payment will not come",
        request=serializers.FailInput,
        responses={200: serializers.PaymentSerializer},
    )
    def post(self, request: Request, payment_id: str) -> Response:
        body = serializers.FailInput(data=request.data)
        body.is_valid(raise_exception=True)
        payment = services.fail_payment(actor=principal_of(request), payment_id=payment_id, **body.validated_data)
        return Response(serializers.PaymentSerializer(payment).data)


class PaymentCancel(APIView):
    """Canceling a payment."""

    required_scopes = {"POST": "payments:write"}
    customer_methods = {"POST"}

    @extend_schema(
        operation_id="payments_cancel",
        summary="Cancel a payment: 200 when it has ended, 202 when the provider decides",
        request=serializers.CancelInput,
        responses={200: serializers.PaymentSerializer, 202: serializers.PaymentSerializer},
    )
    def post(self, request: Request, payment_id: str) -> Response:
        body = serializers.CancelInput(data=request.data)
        body.is_valid(raise_exception=True)
        principal = principal_of(request)
        payment = services.cancel_payment(actor=principal, payment_id=payment_id, **body.validated_data)
        has_ended = payment.status == PaymentStatus.CANCELED
        code = status.HTTP_200_OK if has_ended else status.HTTP_202_ACCEPTED
        return Response(serializers.PaymentSerializer.seen_by(principal)(payment).data, status=code)


class PaymentResolve(APIView):
    """Ending a payment that is in review."""

    required_scopes = {"POST": "receipts:write"}

    @extend_schema(
        operation_id="payments_resolve",
        summary="Say how a payment in review ended, and what becomes of its money",
        request=serializers.ResolveInput,
        responses={200: serializers.PaymentSerializer},
    )
    def post(self, request: Request, payment_id: str) -> Response:
        body = serializers.ResolveInput(data=request.data)
        body.is_valid(raise_exception=True)
        payment = services.resolve_payment(actor=principal_of(request), payment_id=payment_id, **body.to_answers())
        return Response(serializers.PaymentSerializer(payment).data)
