"""Addresses of the lakehouse pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from datasets.pages import lake_list

urlpatterns: list[URLPattern] = [
    path("lakehouse/", lake_list.LakeList.as_view(), name="lakehouse"),
]
