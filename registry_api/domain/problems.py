"""What can be wrong with a request, as data: one record per problem and a closed list of codes."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

Path = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HALF_PAIR = re.compile(r"[\ud800-\udfff]")
_MOST_SHOWN = 100


class Code(StrEnum):
    """Every code that an answer, an operation or a region's message may carry; part of the contract."""

    # The document
    INVALID_DOCUMENT = "InvalidDocument"
    DOCUMENT_TOO_LARGE = "DocumentTooLarge"
    UNKNOWN_FIELD = "UnknownField"
    MISSING_FIELD = "MissingField"
    WRONG_TYPE = "WrongType"
    INVALID_VALUE = "InvalidValue"
    VALUE_TOO_LONG = "ValueTooLong"
    TOO_MANY_ITEMS = "TooManyItems"
    INVALID_TAG = "InvalidTag"
    INVALID_REGISTRY_NAME = "InvalidRegistryName"
    NAME_MISMATCH = "NameMismatch"
    UNKNOWN_LOCATION = "UnknownLocation"
    LOCATION_NOT_SUPPORTED = "LocationNotSupported"
    PRIMARY_LOCATION_NOT_REPLICATED = "PrimaryLocationNotReplicated"
    DUPLICATE_LOCATION = "DuplicateLocation"
    USER_OWNED_RESOURCE_NOT_SUPPORTED = "UserOwnedResourceNotSupported"
    READ_ONLY_FIELD = "ReadOnlyField"
    MULTIPLE_ERRORS_OCCURRED = "MultipleErrorsOccurred"

    # The document against what is stored
    REGISTRY_ALREADY_EXISTS = "RegistryAlreadyExists"
    REGISTRY_NAME_TAKEN = "RegistryNameTaken"
    PRIMARY_LOCATION_IMMUTABLE = "PrimaryLocationImmutable"
    STORAGE_CONFIG_IMMUTABLE = "StorageConfigImmutable"
    REGION_REMOVAL_NOT_ALLOWED = "RegionRemovalNotAllowed"
    DELETION_PROTECTED = "DeletionProtected"
    REGISTRY_BEING_DELETED = "RegistryBeingDeleted"
    CONCURRENT_CHANGES = "ConcurrentChanges"
    PRECONDITION_FAILED = "PreconditionFailed"
    IDEMPOTENCY_KEY_REUSED = "IdempotencyKeyReused"
    DELIVERY_REUSED = "DeliveryReused"

    # The request
    UNAUTHENTICATED = "Unauthenticated"
    IDENTITY_UNAVAILABLE = "IdentityUnavailable"
    AUTHORIZATION_FAILED = "AuthorizationFailed"
    AUTHORIZATION_UNAVAILABLE = "AuthorizationUnavailable"
    RESOURCE_NOT_FOUND = "ResourceNotFound"
    REGISTRY_NOT_FOUND = "RegistryNotFound"
    OPERATION_NOT_FOUND = "OperationNotFound"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType"
    LENGTH_REQUIRED = "LengthRequired"
    UNKNOWN_PARAMETER = "UnknownParameter"
    INVALID_PARAMETER = "InvalidParameter"
    MISSING_API_VERSION_PARAMETER = "MissingApiVersionParameter"
    INVALID_API_VERSION_PARAMETER = "InvalidApiVersionParameter"
    INVALID_SUBSCRIPTION_ID = "InvalidSubscriptionId"
    INVALID_HEADER = "InvalidHeader"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    INTERNAL_ERROR = "InternalError"

    # The work
    SUPERSEDED_BY_NEWER_REQUEST = "SupersededByNewerRequest"
    OPERATION_CANCELED = "OperationCanceled"
    OPERATION_TIMED_OUT = "OperationTimedOut"
    OPERATION_POISONED = "OperationPoisoned"
    REGION_UNAVAILABLE = "RegionUnavailable"
    PROVISIONING_FAILED = "ProvisioningFailed"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    `path` leads to the offending value in the caller's own spelling, such as
    `("replication_locations", 1, "location")`. `line` and `column` start at 1 and are known only
    where the value stands in a text.
    """

    code: Code
    message: str
    path: Path = ()
    line: int | None = None
    column: int | None = None

    @property
    def target(self) -> str | None:
        """Write the path as a caller would: `replication_locations[1].location`."""
        return write_path(self.path)

    def at(self, line: int, column: int) -> "Problem":
        """Return the same problem with its place in the text."""
        return replace(self, line=line, column=column)


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the program
    """A request that cannot be carried out, with every reason for it."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{problem.code}: {problem.message}" for problem in problems))
        self.problems = problems


def refuse(code: Code, message: str, *path: str | int) -> Refusal:
    """Return the refusal for a single reason, to be raised."""
    return Refusal(Problem(code, message, path))


def write_path(path: Path) -> str | None:
    """Return `a.b[0]["odd key"]` for a path, or None for the document itself."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            escaped = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{_showable(escaped)}"]'
    return text or None


def quote(text: str) -> str:
    """Return a caller's text in quotes, as a message may have it: not too long, and only what can be shown."""
    return f"'{_showable(text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + '…')}'"


def is_unicode(text: str) -> bool:
    """Tell whether a text has no half of a surrogate pair, which an escape in JSON can write but nothing can carry."""
    return text.isascii() or _HALF_PAIR.search(text) is None


def sendable(text: str) -> str:
    """Return a text, which may quote half a surrogate pair that no encoding can carry, so that it can be sent."""
    return text.encode("utf-8", "backslashreplace").decode()


def _showable(text: str) -> str:
    """Write control characters and halves of surrogate pairs as escapes."""
    return _UNSHOWABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
