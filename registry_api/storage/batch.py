"""Entity group transactions as they are sent: parts of a body, each of which is a request, and then an answer."""

import re
from collections.abc import Iterable, Mapping, Sequence
from secrets import token_hex

from registry_api.connections import Answer, NoAnswerError
from registry_api.storage.service import StorageError, code_in

# What was written does not come back, so nothing of it can look like the beginning of a part.
_PART = re.compile(rb"HTTP/1\.1 ([0-9]{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n(.*?)(?=\r\n--|\Z)", re.DOTALL)
_ETAG = re.compile(rb"^ETag:[ \t]*([^\r\n]+?)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)


def part(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request that is to be a part."""
    given = {"Accept": "application/json;odata=nometadata", "Content-Length": str(len(body)), **headers}
    fields = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {url} HTTP/1.1\r\n{fields}\r\n".encode() + body


def pack(parts: Iterable[bytes]) -> tuple[str, bytes]:
    """Return a content type, and the body that does all parts or none."""
    batch, changes = f"batch_{token_hex(16)}", f"changeset_{token_hex(16)}"
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    packed = b"".join(
        f"--{changes}\r\n{head}Content-ID: {number}\r\n\r\n".encode() + one + b"\r\n"
        for number, one in enumerate(parts)
    )
    begin = f"--{batch}\r\nContent-Type: multipart/mixed; boundary={changes}\r\n\r\n"
    body = begin.encode() + packed + f"--{changes}--\r\n\r\n--{batch}--\r\n".encode()
    return f"multipart/mixed; boundary={batch}", body


def etags(answer: Answer, count: int) -> Sequence[str | None]:
    """Return the entity tag of each part, None of what was removed.

    Raises:
        StorageError: If the transaction was not done.
        NoAnswerError: If that many parts are not answered.
    """
    parts = _PART.findall(answer.body)
    for status, _, body in parts:
        if int(status) >= 300:  # noqa: PLR2004 - where HTTP's successes end
            raise StorageError(int(status), code_in(body) or status.decode())
    if len(parts) != count:
        raise NoAnswerError(f"{len(parts)} of {count} parts are answered")
    found = (_ETAG.search(head) for _, head, _ in parts)
    return [None if tag is None else tag[1].decode() for tag in found]
