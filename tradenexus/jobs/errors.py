"""What can go wrong with a job, apart from what its own code refuses."""

from __future__ import annotations

from tradenexus.errors import Conflict, ProblemError, Unavailable, Unprocessable


class Cancelled(Conflict):
    """Someone asked to cancel this job. Nothing is wrong; `nexus job retry` starts it again."""

    code = "JOB_CANCELLED"


class LeaseLost(Conflict):
    """This worker no longer holds the job: its lease ran out and another may run it. It writes nothing more."""

    code = "JOB_LEASE_LOST"


class JobStalled(ProblemError):
    """The worker died each time it ran this job. Its log says where; fix the cause (often memory), then retry it."""

    code = "JOB_STALLED"


class JobCrashed(ProblemError):
    """The job's own code failed in a way it does not know. The worker's log has the traceback under the request id."""

    code = "JOB_CRASHED"


class RetriesExhausted(Unavailable):
    """A fault of the outside world lasted through all retries; `details.reason` names it. Retry the job afterwards."""

    code = "JOB_RETRIES_EXHAUSTED"


class KindUnknown(Unprocessable):
    """No installed app knows this kind of job. Check the spelling, or whether its app is installed here."""

    code = "JOB_KIND_UNKNOWN"
