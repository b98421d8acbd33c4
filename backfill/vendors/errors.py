"""What can become of a question to a vendor, one class an outcome; what follows from each is decided by who asked.

An answer that is not one of these is rows.
"""

from __future__ import annotations

from typing import Any

from tradenexus.errors import ProblemError


class VendorError(ProblemError):
    """A vendor gave no rows. The subclass says why; each has its own code."""


class NoData(VendorError):
    """The vendor answered and has no such rows. `benign` in `details`: none are to be expected; `reason` says why."""

    code, status = "VENDOR_NO_DATA", 404

    def __init__(self, reason: str, benign: bool = False, **details: Any):
        super().__init__(reason, {"benign": benign, "reason": reason, **details})

    @property
    def benign(self) -> bool:
        """Tell whether nothing was to be expected (a holiday), rather than that something is missing."""
        return bool(self.details["benign"])


class NotEntitled(VendorError):
    """The vendor has the rows and this account may not have them. Ask for less, another vendor, or a wider contract."""

    code, status = "VENDOR_NOT_ENTITLED", 403


class RateLimited(VendorError):
    """The vendor wants fewer calls. It is asked again after `retryAfterSeconds`."""

    code, status = "VENDOR_RATE_LIMITED", 429

    def __init__(self, message: str, retry_after_s: float | None = None, **details: Any):
        super().__init__(message, {"retryAfterSeconds": retry_after_s, **details})

    @property
    def retry_after_s(self) -> float | None:
        """Return how long the vendor wants to be left alone, None when it did not say."""
        value = self.details["retryAfterSeconds"]
        return None if value is None else float(value)


class Transient(VendorError):
    """The vendor could not be reached or failed in a way that may pass. It is asked again after a pause."""

    code, status = "VENDOR_TRANSIENT", 503


class Malformed(VendorError):
    """The vendor's answer is not what it documents, so nothing of it enters. `details` names the first fault."""

    code, status = "VENDOR_MALFORMED", 502


class AccessDenied(VendorError):
    """The vendor does not know this account. It is not asked again until its credentials are mended."""

    code, status = "VENDOR_ACCESS_DENIED", 502


BY_CODE: dict[str, type[VendorError]] = {
    each.code: each for each in (NoData, NotEntitled, RateLimited, Transient, Malformed, AccessDenied)
}


def again(code: str, message: str, details: dict[str, Any]) -> VendorError:
    """Return the error that another process told of by its parts; KeyError for a code that is no vendor's."""
    kind = BY_CODE[code]
    error = kind.__new__(kind)
    ProblemError.__init__(error, message, details)
    return error
