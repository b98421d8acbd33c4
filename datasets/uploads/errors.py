"""What can be wrong with an upload, by the contract's names."""

from __future__ import annotations

from tradenexus.errors import BadRequest, Conflict, Forbidden, Gone, ProblemError, TooLarge, TooManyRequests


class OffsetConflict(Conflict):
    """The PATCH does not start where the durable bytes end. Continue at `details.offset` (also in `Upload-Offset`)."""

    code = "UPLOAD_OFFSET_CONFLICT"


class UploadIncomplete(Conflict):
    """`complete` was called before all bytes had arrived. Send the rest from `details.offset`, then complete again."""

    code = "UPLOAD_INCOMPLETE"


class ChecksumMismatch(Conflict):
    """The SHA-256 of the received bytes is not the one given. With `details.leaf` our copy is damaged: send the
    parts in `details.leaves` again, or resume the upload from its offset; otherwise complete again with the file's
    true digest, or start anew."""

    code = "CHECKSUM_MISMATCH"


class LengthConflict(Conflict):
    """An upload's length is told once and is not less than what arrived. Ask HEAD for the length that holds."""

    code = "UPLOAD_LENGTH_CONFLICT"


class PartUnfit(Conflict):
    """No final upload can be made of this one: it is no partial upload, not whole yet, or taken. `details` says which
    it is and how far it has come."""

    code = "UPLOAD_PART_UNFIT"


class PartIntact(Conflict):
    """Only a part that was found damaged can be sent alone, and this one is not: see the upload's `parts`."""

    code = "UPLOAD_PART_INTACT"


class ChunkRefused(ProblemError):
    """The bytes do not have the digest of their `Upload-Checksum`, or that of the part. They were dropped: send them
    again."""

    code, status = "UPLOAD_CHECKSUM_MISMATCH", 460


class UploadTooLarge(TooLarge):
    """The file is larger than `details.maxBytes`, or more bytes came than the declared length."""

    code = "UPLOAD_TOO_LARGE"


class QuotaExceeded(TooManyRequests):
    """The workspace's storage is full: the declared length would pass the quota. Remove something first."""

    code = "QUOTA_EXCEEDED"


class TooManyUploads(TooManyRequests):
    """Too many uploads are open in this workspace. Finish or cancel one of them, then start again."""

    code = "TOO_MANY_UPLOADS"


class UploadGone(Gone):
    """The upload expired or was cancelled; its bytes are removed. Start a new one."""

    code = "UPLOAD_GONE"


class UploadFinal(Forbidden):
    """The upload is complete and takes no more bytes."""

    code = "UPLOAD_FINAL"


class UploadLocked(ProblemError):
    """Another request is writing to this upload. Wait until it ends or its connection is cut, ask the offset, go on."""

    code, status = "UPLOAD_LOCKED", 423


class UploadCut(ProblemError):
    """No byte came for too long, so the connection was cut. What had arrived is kept: ask the offset and go on."""

    code, status = "UPLOAD_IDLE", 408


class TusVersion(ProblemError):
    """The `Tus-Resumable` header is missing or names a protocol version other than 1.0.0."""

    code, status = "TUS_VERSION_UNSUPPORTED", 412


class BadHeader(BadRequest):
    """An upload header is missing or malformed; `message` names it and says what it must look like."""

    code = "UPLOAD_HEADER_INVALID"
