"""From the bytes of a request to a document: plain values, and where in the text each of them stands."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from registry_api.domain.problems import Code, Path, Problem, Refusal, is_unicode, quote, refuse

MAX_BYTES = 256 * 1024
MAX_DOCUMENTS = 20  # in a stream, so that all are put while the caller waits
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
        Code.AUTHORIZATION_FAILED,
        Code.AUTHORIZATION_UNAVAILABLE,
        Code.CONCURRENT_CHANGES,
        Code.DELIVERY_REUSED,
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


class Document(NamedTuple):
    """A parsed text. `places` is worked out only when it is asked for, which is when there is a problem."""

    value: object
    places: Callable[[], Places]

    def part(self, *path: str | int) -> "Document":
        """Return what stands at a path, as a document of its own; its places are still those of this text.

        Raises:
            LookupError: If nothing does.
        """
        value: Any = self.value
        for step in path:
            value = value[step]

        def places() -> Places:
            whole = self.places()
            keys = _below(path, whole.keys)
            keys.pop((), None)  # of the key before it, which does not belong to it
            return Places(_below(path, whole.values), keys)

        return Document(value, places)

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
    media_type = _media_type(headers, types)
    check_length(body, headers, most)
    return _parse_one(_decode(body), media_type)


def read_all(body: bytes, headers: Mapping[str, str]) -> list[Document]:
    """Parse a request's body as its Content-Type says: a stream of YAML documents, or one in JSON.

    Raises:
        Refusal: If there is no body, it is too large, of another type or cannot be parsed.
    """
    media_type = _media_type(headers, DOCUMENT_TYPES)
    check_length(body, headers)
    text = _decode(body)
    return read_stream(text) if media_type in YAML_TYPES else [_parse_one(text, media_type)]


def read_stream(text: str) -> list[Document]:
    """Parse a text with any number of YAML documents; those without anything in them do not count.

    Raises:
        Refusal: If there is none, there are too many, or one cannot be parsed.
    """
    from registry_api.http import yaml_documents  # noqa: PLC0415 - PyYAML costs start-up time

    if found := [one for one in yaml_documents.parse_stream(text, MAX_DOCUMENTS) if one.value is not None]:
        return found
    raise unparsable("There is no document in the text.")


def _parse_one(text: str, media_type: str) -> Document:
    if media_type not in YAML_TYPES:
        from registry_api.http import json_documents  # noqa: PLC0415 - each parser is imported at first use

        return json_documents.parse(text)
    from registry_api.http import yaml_documents  # noqa: PLC0415 - PyYAML costs start-up time

    return yaml_documents.parse(text)


def _media_type(headers: Mapping[str, str], types: Sequence[str]) -> str:
    if (encoding := headers.get("content-encoding", "identity").strip().lower()) not in {"", "identity"}:
        raise refuse(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"{quote(encoding)} is not a Content-Encoding that is taken here; send it plain.",
        )
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower() or YAML_TYPES[0]
    if media_type not in types:
        raise refuse(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"{quote(media_type)} is not a type that is taken here; "
            f"send Content-Type: {' or Content-Type: '.join(types)}.",
        )
    for charset in _charsets(headers):
        if charset not in _CHARSETS:
            raise refuse(
                Code.UNSUPPORTED_MEDIA_TYPE,
                f"{quote(charset)} is not a charset that is taken here; "
                f"send Content-Type: {media_type}; charset=utf-8.",
            )
    return media_type


def check_length(body: bytes, headers: Mapping[str, str], most: int = MAX_BYTES) -> None:
    """Let a body through that has something, and not too much, in it.

    Raises:
        Refusal: If it has not.
    """
    if not body:
        if "content-length" not in headers:
            # The Functions host hands a body without a length to the app as an empty one (azure-functions-host#4926).
            raise refuse(Code.LENGTH_REQUIRED, "Send the document with a Content-Length header, not in chunks.")
        raise refuse(Code.INVALID_DOCUMENT, "The request has no document in its body.")
    if len(body) > most:
        raise refuse(Code.DOCUMENT_TOO_LARGE, f"A document may have at most {most} bytes; this one has {len(body)}.")


def fault_of_size(depth: int, values: int) -> str | None:
    """Tell what is wrong with a document that is as deep and has as many values, if it is too much."""
    if depth > MAX_DEPTH:
        return f"The document is nested more than {MAX_DEPTH} levels deep."
    if values > MAX_VALUES:
        return f"The document has more than {MAX_VALUES} values."
    return None


def unparsable(message: str, line: int | None = None, column: int | None = None) -> Refusal:
    """Return the refusal of a text that cannot be understood at some place."""
    return Refusal(Problem(Code.INVALID_DOCUMENT, message, line=line, column=column))


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Return the place, both from 1, of a position in a text."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _charsets(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield every charset that Content-Type names, in whichever way."""
    for parameter in headers.get("content-type", "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower().startswith("charset"):
            yield value.strip().strip('"').lower() or "nothing"


def _decode(body: bytes) -> str:
    try:
        return body.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8")  # without the byte order mark
        raise unparsable("The document is not UTF-8.", *line_and_column(before, len(before))) from None


def _below(path: Path, places: Mapping[Path, tuple[int, int]]) -> dict[Path, tuple[int, int]]:
    return {found[len(path) :]: place for found, place in places.items() if found[: len(path)] == path}


def _locate(problem: Problem, places: Places) -> Problem:
    if problem.line is not None or problem.code in _NOT_OF_THE_DOCUMENT:
        return problem
    path = problem.path
    if path in places.keys and (problem.code in _POINTS_AT_KEY or not is_unicode(str(path[-1]))):
        return problem.at(*places.keys[path])
    while path and path not in places.values:
        path = path[:-1]
    return problem.at(*places.values[path]) if path in places.values else problem
