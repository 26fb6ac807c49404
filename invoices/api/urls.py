"""Under /api/v1/."""

from django.urls import path

from invoices.api import views

urlpatterns = [
    path("customers", views.CustomerList.as_view(), name="customers"),
    path("customers/<str:customer_id>", views.CustomerDetail.as_view(), name="customer"),
    path("customers/<str:customer_id>/credits", views.CustomerCredits.as_view(), name="customer-credits"),
    path("customers/<str:customer_id>/credits/revoke", views.CreditRevoke.as_view(), name="customer-credits-revoke"),
    path("customers/<str:customer_id>/balance", views.CustomerBalance.as_view(), name="customer-balance"),
    path("invoices", views.InvoiceList.as_view(), name="invoices"),
    path("invoices/<str:invoice_id>", views.InvoiceDetail.as_view(), name="invoice"),
    path("invoices/<str:invoice_id>/void", views.InvoiceVoid.as_view(), name="invoice-void"),
]
