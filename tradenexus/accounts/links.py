"""One-time sign-in links: made, shown once, spent by compare-and-swap."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from tradenexus.accounts.models import LoginLink
from tradenexus.tenancy.models import User


def create(user: User) -> str:
    """Return the path of a new link, e.g. `/login/link/<token>/`; the token itself is not kept."""
    token = secrets.token_urlsafe(32)
    expires_at = timezone.now() + timedelta(seconds=settings.NEXUS_LOGIN_LINK_S)
    LoginLink.objects.create(user=user, token_hash=_digest(token), expires_at=expires_at)
    return f"/login/link/{token}/"


def spend(token: str) -> User | None:
    """Return the person the link is for and mark it used; None when it is unknown, used or expired."""
    now = timezone.now()
    link = LoginLink.objects.select_related("user").filter(token_hash=_digest(token)).first()
    if link is None or not link.user.is_active:
        return None
    fresh = LoginLink.objects.filter(id=link.id, used_at=None, expires_at__gt=now).update(used_at=now)
    return link.user if fresh else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
