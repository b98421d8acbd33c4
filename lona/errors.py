"""Errors of the Lona door, one class per outcome [pure].

Two families: what the provider did (`Lona...`: unavailable, refused, answer lost) and what the caller asked for that
cannot be done here (`DatasetNotPublishable`, `BacktestRangeEmpty`, ...). The client raises the first, verbs the second.
"""

from typing import Any

from tradenexus.errors import Conflict, NotFound, ProblemError, Unprocessable


class LonaError(ProblemError):
    """The provider answered something that stops this call. Read the message; the provider's words are in `details`."""

    code = "LONA_ERROR"
    status = 502


class LonaUnavailable(LonaError):
    """The provider could not be reached, or said it cannot answer now. Nothing was done; try again later."""

    code = "LONA_UNAVAILABLE"


class LonaRateLimited(LonaUnavailable):
    """The provider asks for fewer calls. Wait `details.retryAfterS` seconds; jobs do so by themselves."""

    code = "LONA_RATE_LIMITED"

    def __init__(self, message: str, details: dict[str, Any] | None = None, retry_after_s: float | None = None):
        super().__init__(message, details)
        self.retry_after_s = retry_after_s


class LonaNotConfigured(LonaError):
    """No provider is configured. Set LONA_GATEWAY_URL, LONA_AGENT_ID and LONA_AGENT_TOKEN, or start the sandbox."""

    code = "LONA_NOT_CONFIGURED"
    status = 503


class LonaAddressRefused(LonaError):
    """LONA_GATEWAY_URL, or a file it names, is in a private network. Set LONA_ALLOW_PRIVATE=1 if that is meant."""

    code = "LONA_ADDRESS_REFUSED"


class LonaCredentialsRefused(LonaError):
    """The provider refused our agent token. Register again or renew LONA_AGENT_TOKEN (it lives 30 days)."""

    code = "LONA_CREDENTIALS_REFUSED"


class LonaRejected(LonaError):
    """The provider refused the request. `details.providerMessage` has its words, `details.field` the field."""

    code = "LONA_REJECTED"
    status = 422


class LonaNotFound(LonaError):
    """The provider does not know this id. It was deleted there, or belongs to another agent: reconcile, then repeat."""

    code = "LONA_NOT_FOUND"
    status = 404


class LonaConflict(LonaError):
    """The provider already has a resource of this name. Look for it there before sending again."""

    code = "LONA_CONFLICT"
    status = 409


class LonaAnswerLost(LonaError):
    """The request went out and no usable answer came back: it may have been done. Reconcile before sending again."""

    code = "LONA_ANSWER_LOST"


class LonaAnswerUnreadable(LonaError):
    """The provider answered something outside its contract. Check LONA_GATEWAY_URL and the provider's version."""

    code = "LONA_ANSWER_UNREADABLE"


class LonaReadBackDiffers(LonaError):
    """What the provider stored is not what was sent (`details` has both). The symbol is not used; publish again."""

    code = "LONA_READBACK_MISMATCH"


class DatasetNotPublishable(Unprocessable):
    """This version cannot be published as it is; the message says why (trades and quotes: make candles first)."""

    code = "DATASET_NOT_PUBLISHABLE"


class PublishRangeEmpty(Unprocessable):
    """The slice asked for has no bars. Choose a range inside the version's own time range."""

    code = "PUBLISH_RANGE_EMPTY"


class SliceNotAscending(Unprocessable):
    """The stored bars are not strictly ascending, so they cannot be sent. Validate the version again."""

    code = "SLICE_NOT_ASCENDING"


class SliceNotWholeSeconds(Unprocessable):
    """A bar opens inside a second, which the provider's file format cannot say. Publish bars of 1m or coarser."""

    code = "SLICE_NOT_WHOLE_SECONDS"


class DatasetNotValidated(Conflict):
    """A backtest runs only on versions that are ready, published_lona or publish_failed. Validate or make candles."""

    code = "DATASET_NOT_VALIDATED"


class BacktestRangeEmpty(Unprocessable):
    """No bars between startDate and endDate, so nothing was sent. Choose a range inside the version's time range."""

    code = "BACKTEST_RANGE_EMPTY"


class BacktestDataMissing(Unprocessable):
    """Days of the range have no bars and the policy is fail_fast. Choose missingData partial_fill or another range."""

    code = "BACKTEST_DATA_MISSING"


class MissingDataPolicyUnavailable(Unprocessable):
    """auto_backfill and seamless fetch from vendors, and no vendor is configured. Use fail_fast or partial_fill."""

    code = "BACKTEST_POLICY_UNAVAILABLE"


class BacktestFailed(ProblemError):
    """The provider ran the backtest and it failed; its words are in `details`."""

    code = "BACKTEST_FAILED"
    status = 422


class BacktestTimeout(BacktestFailed):
    """The run took longer than allowed. The report id is kept; shorten the range or retry."""

    code = "BACKTEST_TIMEOUT"


class BacktestDataNotFound(BacktestFailed):
    """The provider no longer has a symbol of this run. Reconcile the mappings and publish again."""

    code = "BACKTEST_DATA_NOT_FOUND"


class BacktestCodeError(BacktestFailed):
    """The strategy's code raised an error. Read the traceback in `details` and change the strategy."""

    code = "BACKTEST_CODE_ERROR"


class BacktestExecutionError(BacktestFailed):
    """The provider's engine failed while running. Usually worth one retry."""

    code = "BACKTEST_EXECUTION_ERROR"


class BacktestOutcomeUnknown(BacktestFailed):
    """The run was sent and the answer lost: a report may exist at the provider, and there is no way to list reports.

    It is not sent again by itself. Start the backtest again yourself if a second run is acceptable.
    """

    code = "BACKTEST_OUTCOME_UNKNOWN"
    status = 502


class StrategyNotReady(Conflict):
    """The strategy has no counterpart at the provider yet (its creation failed or is unknown). Create it again."""

    code = "STRATEGY_NOT_READY"


class SymbolNotLinkable(NotFound):
    """No global symbol of that id at the provider. List them with GET /v1/lona/symbols?scope=global."""

    code = "LONA_SYMBOL_NOT_FOUND"
