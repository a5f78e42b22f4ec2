"""What Azure Resource Manager's errors mean. Its code decides: statuses are too coarse, every conflict is a 409.

The codes are those of learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors and of
the resource providers. None of them was provoked on Azure itself.
"""

import re
from datetime import datetime, timedelta
from http import HTTPStatus

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from registry_api.domain.problems import Code
from registry_api.domain.resources import Failure, FailureKind
from registry_api.provisioning.pipeline import code_of
from registry_api.retry_after import rest_of

NOT_REGISTERED = "MissingSubscriptionRegistration"
DEFAULT_REST = timedelta(seconds=30)

_LONGEST = 220  # of Azure's own words
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_NOT_ABSENT = "SubscriptionNotFound"

_KINDS = {
    FailureKind.NAME_TAKEN: (
        "AlreadyInUse",
        "StorageAccountAlreadyExists",
        "StorageAccountAlreadyTaken",
        "StorageAccountInAnotherResourceGroup",
    ),
    FailureKind.PERMANENT: (
        "InvalidResourceGroupLocation",
        "InvalidResourceLocation",
        "LocationNotAvailableForResourceType",
        "MissingRegistrationForLocation",
        "NoRegisteredProviderFound",
        "PropertyImmutable",
        "RegionDoesNotAllowProvisioning",
        "ReservedResourceName",
        "SkuNotAvailable",
    ),
    FailureKind.BLOCKED: (
        "AuthorizationFailed",
        "DenyAssignmentAuthorizationFailed",
        "LinkedAuthorizationFailed",
        "OperationNotAllowed",
        "ReadOnlyDisabledSubscription",
        "RequestDisallowedByAzure",
        "RequestDisallowedByPolicy",
        "ScopeLocked",
        "SubscriptionNotFound",
        "SubscriptionNotRegistered",
    ),
    FailureKind.TRANSIENT: (
        "ParentResourceNotFound",
        "ResourceGroupNotFound",
        "ResourceNotFound",
    ),
}
_BY_CODE = {code: kind for kind, codes in _KINDS.items() for code in codes}
# For codes that are not listed. A 409 is mostly another operation in progress.
_BY_STATUS: dict[int, FailureKind] = {
    HTTPStatus.UNAUTHORIZED: FailureKind.BLOCKED,
    HTTPStatus.FORBIDDEN: FailureKind.BLOCKED,
    HTTPStatus.REQUEST_TIMEOUT: FailureKind.TRANSIENT,
    HTTPStatus.CONFLICT: FailureKind.TRANSIENT,
    HTTPStatus.PRECONDITION_FAILED: FailureKind.TRANSIENT,
    HTTPStatus.TOO_MANY_REQUESTS: FailureKind.TRANSIENT,
}


def is_absence(error: HttpResponseError) -> bool:
    """Tell whether an error says that a resource is not there.

    What says that the subscription is not there does not: it may be away for a while, with everything in it.
    """
    code = code_of(error)
    return error.status_code == HTTPStatus.NOT_FOUND and code.endswith("NotFound") and code != _NOT_ABSENT


def is_refusal(error: Exception) -> bool:
    """Tell whether an error says that nothing was done: Azure has said no, or was never asked for want of a token."""
    if not isinstance(error, HttpResponseError):
        return False
    status = error.status_code
    if status is None:
        return isinstance(error, ClientAuthenticationError)
    return _is_a_no(status) and status != HTTPStatus.REQUEST_TIMEOUT


def failure_of(error: HttpResponseError, about: str, now: datetime) -> Failure:
    """Return what an error means for the one who met it.

    Args:
        error: What Azure answered.
        about: What was asked for, in words.
        now: The time.
    """
    code, status = code_of(error), error.status_code or HTTPStatus.INTERNAL_SERVER_ERROR
    rest = rest_of(getattr(error.response, "headers", {}).get("Retry-After", ""), now)
    kind = _kind(code, status)
    if kind is FailureKind.TRANSIENT and (rest or status == HTTPStatus.TOO_MANY_REQUESTS):
        kind = FailureKind.THROTTLED
    return Failure(
        code=Code.REGION_UNAVAILABLE if not _is_told(kind) else Code.PROVISIONING_FAILED,
        message=f"{about}: {code}: {_words(error)}",
        kind=kind,
        retry_after=(rest or DEFAULT_REST) if kind is FailureKind.THROTTLED else None,
    )


def _kind(code: str, status: int) -> FailureKind:
    if (kind := _BY_CODE.get(code)) is not None:
        return kind
    if "quota" in code.lower():
        return FailureKind.BLOCKED
    return _BY_STATUS.get(status, FailureKind.PERMANENT if _is_a_no(status) else FailureKind.TRANSIENT)


def _is_a_no(status: int) -> bool:
    """Tell whether a status is one of the caller's own faults. One below is of an answer that cannot be read."""
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR


def _is_told(kind: FailureKind) -> bool:
    return kind not in {FailureKind.TRANSIENT, FailureKind.THROTTLED}


def _words(error: HttpResponseError) -> str:
    """Return Azure's own words: they name the policy, the lock or the regions that are allowed."""
    message = getattr(error.error, "message", None) or error.reason or "no message"
    text = _CONTROL.sub(" ", str(message)).strip()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
