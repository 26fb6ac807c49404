"""Under /api/v1/."""

from django.urls import path

from payments.api import views

urlpatterns = [
    path("invoices/<str:invoice_id>/pay", views.InvoicePay.as_view(), name="invoice-pay"),
    path("payments", views.PaymentList.as_view(), name="payments"),
    path("payments/<str:payment_id>", views.PaymentDetail.as_view(), name="payment"),
    path("payments/<str:payment_id>/confirm", views.PaymentConfirm.as_view(), name="payment-confirm"),
    path("payments/<str:payment_id>/fail", views.PaymentFail.as_view(), name="payment-fail"),
]
