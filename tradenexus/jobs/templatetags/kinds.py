"""Template tag for the kind of a job: words for people, the name that programs use in the title."""

from __future__ import annotations

from django import template
from django.utils.html import format_html

from tradenexus.jobs import registry

register = template.Library()


@register.simple_tag
def job_kind(name: str) -> str:
    """Return what a kind of job does, its name in the title; the name alone where nobody knows it any more."""
    label = registry.label(name)
    return name if label == name else format_html('<span title="{}">{}</span>', name, label)
