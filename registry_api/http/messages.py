"""A request and an answer, as the handlers see them: without the host's SDK."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from registry_api.domain.caller import Caller

if TYPE_CHECKING:
    from pydantic import BaseModel


class Request(NamedTuple):
    """What a caller sent. Header names are lower-cased; `base_url` is the address of the API without a final slash."""

    method: str
    base_url: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    repeated: Collection[str]  # query parameters that are given several times
    headers: Mapping[str, str]
    body: bytes
    caller: Caller  # nobody, on routes that anybody may read, and on those where the body has to prove it
    id: str  # the service's name for the request


class Answer(NamedTuple):
    """What the caller gets: fields of the body that were not set are left out. Text is sent as it is."""

    status: int
    body: "BaseModel | None" = None
    headers: Mapping[str, str] = MappingProxyType({})
    text: str | bytes | None = None
    media_type: str = "application/json"
