"""Routes of the audit trail."""

from django.urls import path

from tradenexus.audit import api

urlpatterns = [
    path("v1/audit", api.AuditList.as_view()),
    path("v1/audit:verify", api.AuditVerify.as_view()),
    path("v1/audit/export", api.AuditExport.as_view()),
]
