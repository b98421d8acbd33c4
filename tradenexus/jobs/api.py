"""Jobs as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from tradenexus.jobs.models import Job


class JobSerializer(serializers.Serializer):
    """A long operation."""

    id = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(["queued", "running", "succeeded", "failed", "cancelled", "stalled"])
    progress = serializers.DictField()
    links = serializers.DictField()


def render(job: Job) -> dict[str, Any]:
    """Return a job as the API shows it."""
    base = f"/v1/jobs/{job.ref}"
    links = {"self": base, "log": f"{base}/log", "cancel": f"{base}:cancel", "retry": f"{base}:retry"}
    return {"id": job.ref, "kind": job.kind, "state": job.state, "progress": job.progress, "links": links}
