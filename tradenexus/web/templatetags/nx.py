"""Template tags of all pages: figures, instants, chips, icons, progress, "Copy as", query strings."""

from __future__ import annotations

import math
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tradenexus.web import chips, figures, tables

register = template.Library()
_NOTHING = format_html('<span class="none" role="img" aria-label="no value">{}</span>', figures.NOTHING)


@register.filter
def number(value: Any, places: int | None = None) -> str:
    """12345678 -> 12,345,678."""
    return _NOTHING if value is None or value == "" else figures.number(value, places)


@register.filter(name="bytes")
def size(value: int | None) -> str:
    """Decimal units, exact bytes in the title."""
    if value is None:
        return _NOTHING
    return format_html('<span class="size" title="{} bytes">{}</span>', figures.number(value), figures.size(value))


@register.filter
def span(value: float | None) -> str:
    """Seconds -> 1 min 20 s."""
    return _NOTHING if value is None else figures.span(value)


@register.filter
def dash(value: Any) -> Any:
    """Show null (and nothing else: not zero, not False) as an em dash that is read as "no value"."""
    return _NOTHING if value is None or value == "" else value


@register.filter
def when(value: datetime | None) -> str:
    """An instant: UTC in words, switched to the reader's zone by the browser."""
    if value is None:
        return _NOTHING
    exact, text = figures.iso(value), figures.moment(value)
    return format_html('<nx-time datetime="{0}"><time datetime="{0}">{1}</time></nx-time>', exact, text)


@register.filter
def when_ns(value: int | None) -> str:
    """Nanoseconds since 1970 as an instant, with the digits it has."""
    if value is None:
        return _NOTHING
    exact, text = figures.iso_ns(value), figures.moment_ns(value)
    return format_html('<nx-time datetime="{0}" ns="{2}"><time datetime="{0}">{1}</time></nx-time>', exact, text, value)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """One icon of the sprite; with a label it speaks, without it is decoration."""
    return _icon(name, label, settings.STATIC_URL)


# A page of 100 rows shows hundreds, of a dozen kinds. Typed: a safe label is not the same as one to be escaped.
@lru_cache(maxsize=512, typed=True)
def _icon(name: str, label: str, _static_url: str) -> SafeString:
    speech = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html('<svg class="icon" {}><use href="{}#{}"></use></svg>', speech, static("ui/icons.svg"), name)


@register.simple_tag
def chip(state: Any, word: str = "", title: str = "") -> SafeString:
    """A state as glyph and word; the verbatim state in the title."""
    if state is None or state == "":
        return SafeString(_NOTHING)
    look = chips.of(state)
    glyph = icon(look.glyph)
    text = '<span class="chip tone-{}" data-state="{}" title="{}">{}<span>{}</span></span>'
    return format_html(text, look.tone, state, title or state, glyph, word or look.word)


@register.inclusion_tag("web/_progress.html")
def progress(job: Any) -> dict[str, Any]:
    """The bar of a running job and its text twin; without a total a counter, never a made-up bar."""
    return {"job": job, **measured(getattr(job, "progress", None) or {})}


def measured(kept: dict[str, Any]) -> dict[str, Any]:
    """Return a job's progress in words: phase, percent (floored: 100 only when complete), amount, rate, time left."""
    done, total, unit = kept.get("done"), kept.get("total"), kept.get("unit", "")
    show = figures.size if unit == "bytes" else figures.number
    percent = min(100, math.floor(100 * done / total)) if done is not None and total else None
    facts = []
    if done is not None:
        amount = f"{show(done)} of {show(total)}" if total else show(done)
        facts.append(amount if unit == "bytes" else f"{amount} {unit}".strip())
    if kept.get("rate"):
        facts.append(f"{show(int(kept['rate']))}{'' if unit == 'bytes' else f' {unit}'}/s")
    if kept.get("eta_s") is not None and (percent or 0) >= 2:
        facts.append(f"about {figures.span(kept['eta_s'])} left")
    return {"phase": str(kept.get("phase", "")).replace("_", " "), "percent": percent, "facts": facts}


@register.inclusion_tag("web/_copy_as.html", takes_context=True)
def copy_as(context: template.Context, copy: Any) -> dict[str, Any]:
    """The popover with curl, CLI and Python."""
    return {"copy": copy, "request": context.get("request")}


@register.simple_tag(takes_context=True)
def param(context: template.Context, **changes: Any) -> str:
    """Return the current query string with parameters changed (None leaves one out), at the first page."""
    return tables.changed(context["request"].GET, **changes)


# Objects that have a page of their own; a version's lies below its dataset's.
_PAGES = {"ds": "/datasets/{}/", "up": "/uploads/{}/", "job": "/jobs/{}/", "bt": "/backtests/{}/"}
_PAGES |= {"exp": "/exports/{}/", "qrt": "/lakehouse/quarantine/{}/", "ing": "/lakehouse/ingests/{}/"}


@register.filter
def page_of(ref: str) -> str:
    """A typed id -> its page, "" where there is none."""
    return _PAGES.get(ref.partition("_")[0], "").format(ref)


@register.filter
def short_ref(ref: str) -> str:
    """`ds_0198…4f2a`: the prefix, a beginning and the end (ids made together begin alike)."""
    prefix, _, rest = str(ref).partition("_")
    return f"{prefix}_{rest[:4]}…{rest[-6:]}" if len(rest) == 32 else str(ref)
