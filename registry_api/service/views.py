"""What callers read of a registry, as it is kept beside its record. Nothing here needs the models of records."""

import json
import re
from typing import Any, NamedTuple

from registry_api.domain.problems import is_unicode
from registry_api.domain.scope import REGISTRY_ID, Scope, parse_registry_id

_HEAD = re.compile(rf'({REGISTRY_ID})\n"([0-9a-f]+)"\n(?=\{{)')
_END = '"etag":"\\"{}\\""}}'  # of the body: a view that lacks a part lacks this one


class View(NamedTuple):
    """A registry as callers see it: `body` is the JSON that they get, `http.bodies.RegistryBody` describes it."""

    id: str
    etag: str
    body: str

    @classmethod
    def parse(cls, text: str) -> "View":
        """Return the view that a text is of.

        Raises:
            ValueError: If it is of none.
        """
        head = _HEAD.match(text)
        if head is None or not text.endswith(_END.format(head[2])) or not is_unicode(text):
            raise ValueError("A view is the id of a registry, its tag, and JSON that ends with it.")
        return cls(head[1], f'"{head[2]}"', text[head.end() :])

    @property
    def text(self) -> str:
        """Return it as it is kept; neither ids nor tags nor JSON that is written without spaces have ends of lines."""
        return f"{self.id}\n{self.etag}\n{self.body}"

    @property
    def name(self) -> str:
        """Return the name of the registry."""
        return self.id.rpartition("/")[2]

    @property
    def place(self) -> tuple[Scope, str]:
        """Return the scope and the name of the registry."""
        return parse_registry_id(self.id)

    @property
    def content(self) -> Any:
        """Return what the body says."""
        return json.loads(self.body)
