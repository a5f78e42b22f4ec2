"""What each of Azure's error codes means, whatever its status is."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from registry_api.domain.resources import FailureKind
from registry_api.provisioning.arm_errors import failure_of, is_absence, is_refusal
from registry_api.retry_after import rest_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRANSIENT, THROTTLED, BLOCKED, PERMANENT, NAME_TAKEN = FailureKind


def error_of(status: int, code: str | None, message: str = "Azure's words", **headers: str) -> HttpResponseError:
    """Return an error as the SDK raises it."""
    error = HttpResponseError(message)
    error.status_code, error.reason = status, "reason"
    error.error = SimpleNamespace(code=code, message=message) if code else None  # type: ignore[assignment]
    error.response = SimpleNamespace(headers=headers, status_code=status)
    return error


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (409, "StorageAccountAlreadyTaken", NAME_TAKEN),
        (409, "AlreadyInUse", NAME_TAKEN),
        (409, "ScopeLocked", BLOCKED),
        (409, "InvalidResourceLocation", PERMANENT),
        (409, "AnotherOperationInProgress", TRANSIENT),
        (409, "ResourceGroupBeingDeleted", TRANSIENT),
        (409, "NeverHeardOf", TRANSIENT),
        (403, "RequestDisallowedByPolicy", BLOCKED),
        (403, "NeverHeardOf", BLOCKED),
        (400, "ResourceQuotaExceeded", BLOCKED),
        (400, "NeverHeardOf", PERMANENT),
        (404, "ResourceGroupNotFound", TRANSIENT),
        (404, "SubscriptionNotFound", BLOCKED),
        (500, "InternalServerError", TRANSIENT),
        (429, "TooManyRequests", THROTTLED),
        (429, None, THROTTLED),
        (503, None, TRANSIENT),
    ],
)
def test_the_code_decides(status: int, code: str | None, kind: FailureKind) -> None:
    """A 409 may be a name, a lock, a location or a moment; what is unknown is judged by its status."""
    failure = failure_of(error_of(status, code), "StorageAccount 'x'", NOW)

    assert failure.kind is kind
    assert failure.message.startswith(f"StorageAccount 'x': {code or f'HTTP {status}'}: ")
    assert (failure.retry_after is not None) == (kind is THROTTLED)


def test_retry_after_makes_a_passing_failure_a_throttled_one() -> None:
    """Whoever says how long to wait is left alone for so long; a final failure is final nevertheless."""
    busy = failure_of(error_of(503, "ServerBusy", **{"Retry-After": "17"}), "x", NOW)
    refused = failure_of(error_of(403, "RequestDisallowedByPolicy", **{"Retry-After": "17"}), "x", NOW)

    assert (busy.kind, busy.retry_after) == (THROTTLED, timedelta(seconds=17))
    assert (refused.kind, refused.retry_after) == (BLOCKED, None)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("5", 5),
        ("0", None),
        ("", None),
        ("soon", None),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Wed, 31 Dec 2025 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(given: str, seconds: int | None) -> None:
    """Both forms of the header are understood; what is past or no time at all is none."""
    assert rest_of(given, NOW) == (timedelta(seconds=seconds) if seconds else None)


def test_only_what_is_not_found_is_absent() -> None:
    """A 404 about something else, such as the subscription, must not let anybody think that nothing is left."""
    assert is_absence(error_of(404, "ResourceNotFound"))
    assert is_absence(error_of(404, "ContainerNotFound"))
    assert not is_absence(error_of(404, "SubscriptionNotFound"))
    assert not is_absence(error_of(404, "InvalidResourceType"))
    assert not is_absence(error_of(404, None))
    assert not is_absence(error_of(403, "ResourceNotFound"))


@pytest.mark.parametrize(
    ("error", "is_refused"),
    [
        (error_of(409, "AnotherOperationInProgress"), True),
        (error_of(412, None), True),
        (error_of(429, None), True),
        (error_of(404, "ParentResourceNotFound"), True),
        (error_of(408, None), False),
        (error_of(500, None), False),
        (error_of(202, None), False),
        (error_of(503, "ServerBusy", **{"Retry-After": "17"}), False),
        (CredentialUnavailableError("no token"), True),
        (ServiceRequestError("the connection broke"), False),
        (TimeoutError(), False),
    ],
)
def test_what_was_refused_has_no_effect(error: Exception, *, is_refused: bool) -> None:
    """Azure said no, or was never asked; whoever got no answer, or a server's error, does not know."""
    assert is_refusal(error) is is_refused


def test_a_yes_that_cannot_be_read_is_no_failure_for_good() -> None:
    """What was begun may be there soon, although the answer that says so was cut off."""
    assert failure_of(error_of(202, None), "x", NOW).kind is FailureKind.TRANSIENT


def test_azure_s_words_are_short_and_plain() -> None:
    """Control characters and endless texts do not get into the registry's row."""
    failure = failure_of(error_of(400, "X", "a\r\n\x1bb" + "c" * 999), "x", NOW)
    words: Any = failure.message

    assert "a b" in words
    assert len(words) <= 300
