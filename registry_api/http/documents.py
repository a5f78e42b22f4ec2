"""From the bytes of a request to a document: plain values, and where in the text each of them stands."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message

from registry_api.domain.problems import Code, Path, Problem, Refusal, is_unicode, quote, refuse

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 8000  # twice what the service says of the largest registry, so that telling the faults stays cheap

YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")
JSON_TYPES = ("application/json",)
MERGE_PATCH_TYPE = "application/merge-patch+json"
DOCUMENT_TYPES = YAML_TYPES + JSON_TYPES
PATCH_TYPES = (MERGE_PATCH_TYPE, *JSON_TYPES, *YAML_TYPES)

_CHARSETS = ("utf-8", "utf8", "us-ascii")

_NOT_OF_THE_DOCUMENT = frozenset(
    {
        Code.CONCURRENT_CHANGES,
        Code.IDEMPOTENCY_KEY_REUSED,
        Code.INVALID_HEADER,
        Code.INVALID_PARAMETER,
        Code.PRECONDITION_FAILED,
        Code.REGISTRY_ALREADY_EXISTS,
        Code.REGISTRY_BEING_DELETED,
        Code.REGISTRY_NAME_TAKEN,
        Code.REGISTRY_NOT_FOUND,
    }
)
_POINTS_AT_KEY = frozenset({Code.UNKNOWN_FIELD, Code.INVALID_TAG})


@dataclass(slots=True)
class Places:
    """Line and column, both from 1, of every value and every key of a text."""

    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text. `places` is worked out only when it is asked for, which is when there is a problem."""

    value: object
    places: Callable[[], Places]

    def locate(self, refusal: Refusal) -> Refusal:
        """Return the same refusal with the place in the text of every problem, in the order of the text."""
        places = self.places()
        located = (_locate(problem, places) for problem in refusal.problems)
        return Refusal(*sorted(located, key=lambda problem: (problem.line or 0, problem.column or 0)))

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Give every refusal of the document within the block its places."""
        try:
            yield
        except Refusal as refusal:
            raise self.locate(refusal) from None


def read(
    body: bytes, headers: Mapping[str, str], types: Sequence[str] = DOCUMENT_TYPES, most: int = MAX_BYTES
) -> Document:
    """Parse a request's body as its Content-Type says; without one it is YAML.

    Raises:
        Refusal: If there is no body, it is too large, of another type or cannot be parsed.
    """
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower() or YAML_TYPES[0]
    if media_type not in types:
        raise refuse(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"{quote(media_type)} is not a type that is taken here; "
            f"send Content-Type: {' or Content-Type: '.join(types)}.",
        )
    if (charset := _charset(headers)) not in _CHARSETS:
        raise refuse(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"{quote(charset)} is not a charset that is taken here; send Content-Type: {media_type}; charset=utf-8.",
        )
    if not body:
        if "content-length" not in headers:
            # The Functions host hands a body without a length to the app as an empty one (azure-functions-host#4926).
            raise refuse(Code.LENGTH_REQUIRED, "Send the document with a Content-Length header, not in chunks.")
        raise refuse(Code.INVALID_DOCUMENT, "The request has no document in its body.")
    if len(body) > most:
        raise refuse(Code.DOCUMENT_TOO_LARGE, f"A document may have at most {most} bytes; this one has {len(body)}.")
    text = _decode(body)
    if media_type not in YAML_TYPES:
        from registry_api.http import json_documents  # noqa: PLC0415 - each parser is imported at first use

        return json_documents.parse(text)
    from registry_api.http import yaml_documents  # noqa: PLC0415 - PyYAML costs start-up time

    return yaml_documents.parse(text)


def check_size(depth: int, values: int, line: int, column: int) -> None:
    """Let a document go on to its next value.

    Raises:
        Refusal: If it is nested too deeply or has too many values.
    """
    if depth > MAX_DEPTH:
        raise unparsable(f"The document is nested more than {MAX_DEPTH} levels deep.", line, column)
    if values > MAX_VALUES:
        raise unparsable(f"The document has more than {MAX_VALUES} values.", line, column)


def unparsable(message: str, line: int | None = None, column: int | None = None) -> Refusal:
    """Return the refusal of a text that cannot be understood at some place."""
    return Refusal(Problem(Code.INVALID_DOCUMENT, message, line=line, column=column))


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Return the place, both from 1, of a position in a text."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _charset(headers: Mapping[str, str]) -> str:
    message = Message()
    message["content-type"] = headers.get("content-type", "")
    return message.get_content_charset(_CHARSETS[0])


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8")  # without the byte order mark
        raise unparsable("The document is not UTF-8.", *line_and_column(before, len(before))) from None


def _locate(problem: Problem, places: Places) -> Problem:
    if problem.line is not None or problem.code in _NOT_OF_THE_DOCUMENT:
        return problem
    path = problem.path
    if path in places.keys and (problem.code in _POINTS_AT_KEY or not is_unicode(str(path[-1]))):
        return problem.at(*places.keys[path])
    while path and path not in places.values:
        path = path[:-1]
    return problem.at(*places.values[path]) if path in places.values else problem
