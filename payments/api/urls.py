"""Under /api/v1/."""

from django.urls import path

from payments.api import views

urlpatterns = [
    path("invoices/<str:invoice_id>/pay", views.InvoicePay.as_view(), name="invoice-pay"),
    path("payments", views.PaymentList.as_view(), name="payments"),
    path("payments/<str:payment_id>", views.PaymentDetail.as_view(), name="payment"),
    path("payments/<str:payment_id>/confirm", views.PaymentConfirm.as_view(), name="payment-confirm"),
    path("payments/<str:payment_id>/fail", views.PaymentFail.as_view(), name="payment-fail"),
    path("payments/<str:payment_id>/cancel", views.PaymentCancel.as_view(), name="payment-cancel"),
    path("payments/<str:payment_id>/refund", views.PaymentRefund.as_view(), name="payment-refund"),
    path("payments/<str:payment_id>/resolve", views.PaymentResolve.as_view(), name="payment-resolve"),
    path("payment-methods", views.PaymentMethodList.as_view(), name="payment-methods"),
    path("payment-methods/<str:method_id>", views.PaymentMethodDetail.as_view(), name="payment-method"),
    path(
        "payment-methods/<str:method_id>/default", views.PaymentMethodDefault.as_view(), name="payment-method-default"
    ),
    path("refunds", views.RefundList.as_view(), name="refunds"),
    path("refunds/<str:refund_id>", views.RefundDetail.as_view(), name="refund"),
    path("refunds/<str:refund_id>/confirm", views.RefundConfirm.as_view(), name="refund-confirm"),
    path("refunds/<str:refund_id>/fail", views.RefundFail.as_view(), name="refund-fail"),
    path("receipts", views.ReceiptList.as_view(), name="receipts"),
    path("receipts/<str:receipt_id>", views.ReceiptDetail.as_view(), name="receipt"),
    path("receipts/<str:receipt_id>/dispose", views.ReceiptDispose.as_view(), name="receipt-dispose"),
    path("disputes", views.DisputeList.as_view(), name="disputes"),
    path("disputes/<str:dispute_id>", views.DisputeDetail.as_view(), name="dispute"),
]
