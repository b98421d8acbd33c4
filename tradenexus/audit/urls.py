"""Routes of the audit trail."""

from django.urls import path

from tradenexus.audit import api, pages

urlpatterns = [
    path("audit/", pages.Trail.as_view()),
    path("audit/verify/", pages.Verify.as_view()),
    path("v1/audit", api.AuditList.as_view()),
    path("v1/audit:verify", api.AuditVerify.as_view()),
    path("v1/audit/head", api.AuditHead.as_view()),
    path("v1/audit/bundle", api.AuditBundle.as_view()),
    path("v1/audit/export", api.AuditExport.as_view()),
]
