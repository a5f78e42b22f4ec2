"""What findings may take of a registry's row, which holds 1 MiB on Azure: docs/decisions/0018-limits-of-our-own.md."""

import json
from collections.abc import Iterable, Sequence

from registry_api.domain.resources import Resource

_BYTES_OF_MESSAGES = 96 * 1024
_BYTES_OF_DETAILS = 160 * 1024
_CUT = "…"


def fitted(resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """Return resources of which the failures' messages and the details fit into the row.

    If they do not, none takes more than its equal share. What a resource is, its state and the failure's code stay.
    """
    messages = iter(_cut([resource.failure.message for resource in resources if resource.failure], _BYTES_OF_MESSAGES))
    details = iter(_cut([text for resource in resources for text in resource.details.values()], _BYTES_OF_DETAILS))
    return tuple(
        resource.model_copy(
            update={
                "failure": resource.failure and resource.failure.model_copy(update={"message": next(messages)}),
                "details": {name: next(details) for name in resource.details},
            }
        )
        for resource in resources
    )


def _cut(texts: Sequence[str], most: int) -> Iterable[str]:
    if sum(map(_bytes_of, texts)) <= most:
        return texts
    share = most // len(texts)
    return [_cut_one(text, share) for text in texts]


def _cut_one(text: str, most: int) -> str:
    if _bytes_of(text) <= most:
        return text
    kept, size = 0, _bytes_of(_CUT)
    while (size := size + _bytes_of(text[kept])) <= most:
        kept += 1
    return text[:kept] + _CUT


def _bytes_of(text: str) -> int:
    """Return how many bytes of a row a text takes, but for its quotation marks."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")) - 2
