"""Routes of the upload pages."""

from django.urls import path

from datasets.pages import upload_sample, uploads

urlpatterns = [
    path("uploads/", uploads.Uploads.as_view()),
    path("uploads/new/", uploads.NewUpload.as_view()),
    path("uploads/sample/", upload_sample.Sample.as_view()),
    path("uploads/_home/", upload_sample.HomePart.as_view()),
    path("uploads/<str:ref>/", uploads.OneUpload.as_view()),
    path("uploads/<str:ref>/_early/", uploads.Early.as_view()),
    path("uploads/<str:ref>/sniff/", uploads.Resniff.as_view()),
    path("uploads/<str:ref>/rejects.csv", uploads.RejectsCsv.as_view()),
]
