"""What each error means for an automation. Reasons are Flux's, sentences those of Flux 2.1."""

from typing import Final

from api.names import INVALID_DURATION
from api.selectors import BadSelector
from controllers import setters
from controllers.git.errors import BadRefspec
from controllers.gitaccess.source import SourceFailed, SourceInvalid
from controllers.golang.duration import BadDuration
from controllers.pullrequests.errors import PullRequestsFailed
from controllers.pullrequests.groups import BadBranch
from controllers.runtime.reconcile.outcome import SECRET_RETRY, OnError, Retry, Stalled
from controllers.template import TemplateFailure
from controllers.update.errors import GitOperationFailed, PathUnusable

GIT_OPERATION_FAILED: Final = "GitOperationFailed"
INVALID_POLICY_SELECTOR: Final = "InvalidPolicySelector"
INVALID_SOURCE_CONFIGURATION: Final = "InvalidSourceConfiguration"
INVALID_UPDATE_PATH: Final = "InvalidUpdatePath"
INVALID_UPDATE_STRATEGY: Final = "InvalidUpdateStrategy"
SOURCE_MANAGER_FAILED: Final = "SourceManagerFailed"
INVALID_PULL_REQUEST_BRANCH: Final = "InvalidPullRequestBranch"
PULL_REQUEST_FAILED: Final = "PullRequestFailed"
UPDATE_FAILED: Final = "UpdateFailed"

ON_ERROR: Final[OnError] = {
    BadDuration: lambda error: Stalled(INVALID_DURATION, str(error)),
    BadSelector: lambda error: Stalled(INVALID_POLICY_SELECTOR, f"failed to parse policy selector: {error}"),
    setters.UnsupportedStrategy: lambda error: Stalled(INVALID_UPDATE_STRATEGY, str(error)),
    setters.UpdatePathOutside: lambda error: Stalled(INVALID_UPDATE_PATH, f"failed to apply policies: {error}"),
    SourceInvalid: lambda error: Stalled(error.reason, str(error)),
    SourceFailed: lambda error: Retry(
        SOURCE_MANAGER_FAILED, f"failed configuring source manager: {error}", max_delay=SECRET_RETRY
    ),
    GitOperationFailed: lambda error: Retry(GIT_OPERATION_FAILED, str(error), retry_after=error.retry_after),
    PathUnusable: lambda error: Retry(UPDATE_FAILED, str(error)),
    TemplateFailure: lambda error: Retry(GIT_OPERATION_FAILED, f"failed to update source: {error}"),
    BadBranch: lambda error: Stalled(INVALID_PULL_REQUEST_BRANCH, str(error)),
    PullRequestsFailed: lambda error: Retry(PULL_REQUEST_FAILED, str(error), retry_after=error.retry_after),
    BadRefspec: lambda error: Stalled(INVALID_SOURCE_CONFIGURATION, f"failed to update source: {error}"),
}
