"""What callers read of a registry, as it is kept beside its record. Nothing here needs the models of records."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NewType, cast

from registry_api.domain.problems import is_unicode
from registry_api.domain.scope import REGISTRY_TYPE, Scope, parse_group

View = NewType("View", str)
"""A registry as callers see it: the JSON that they get, which `http.bodies.RegistryBody` describes.

It begins with the registry's id and ends with its tag, so that both are found without reading what is between them.
"""

_BEGIN = '{"id":"'
_IN_A_GROUP = f"/providers/{REGISTRY_TYPE}/"
_HEAD = re.compile(rf'{re.escape(_BEGIN)}/subscriptions/[^/"\s]+/resourceGroups/[^/"\s]+{re.escape(_IN_A_GROUP)}')
_TAG, _END = '"etag":"\\"', '\\""}'
_DIGITS = 32  # of Registry.etag
_TAG_AT, _DIGITS_AT, _END_AT = -len(_TAG) - _DIGITS - len(_END), -_DIGITS - len(_END), -len(_END)


def view_in(text: str, name: str) -> View | None:
    """Return the view that a text is, None if it is none: one that lacks a part lacks its beginning or its end.

    Args:
        text: The text.
        name: Of the registry that it is to be of, in lower case.
    """
    return views_in([(text, name)])[0]


def views_in(texts: Iterable[tuple[str, str]]) -> Sequence[View | None]:
    """Return what `view_in` does of each text with a name. Neighbours that begin alike cost less."""
    views: list[str | None] = []
    head, start = None, 0
    for text, name in texts:
        if head is None or not text.startswith(head):
            found = _HEAD.match(text)
            head, start = (found[0], found.end()) if found else (None, 0)
        quoted = f'{name}"'
        is_of_it = head is not None and text[start : start + len(quoted)].lower() == quoted
        is_whole = is_of_it and text[_TAG_AT:_DIGITS_AT] == _TAG and text[_END_AT:] == _END
        views.append(text if is_whole and (text.isascii() or is_unicode(text)) else None)
    return cast("list[View | None]", views)


def id_of(view: View) -> str:
    """Return the Azure resource id of the registry."""
    return view[len(_BEGIN) : view.index('"', len(_BEGIN))]


def groups_of(views: Iterable[View]) -> Sequence[str]:
    """Return the Azure resource id of the resource group that each registry is in."""
    return [view[len(_BEGIN) : view.index(_IN_A_GROUP)] for view in views]


def scope_of(view: View) -> Scope:
    """Return the scope of the registry."""
    return parse_group(*groups_of([view]))


def etag_of(view: View) -> str:
    """Return the tag of what is shown."""
    return f'"{view[_DIGITS_AT:_END_AT]}"'


def content_of(view: View) -> Any:
    """Return what the JSON says."""
    return json.loads(view)
