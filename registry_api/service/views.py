"""What callers read of a registry, as it is kept beside its record. Nothing here needs the models of records."""

import json
from typing import Any, NamedTuple

from registry_api.domain.scope import Scope, parse_registry_id


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
        registry, etag, body = text.split("\n", 2)
        if not registry.startswith("/subscriptions/"):
            raise ValueError("A view begins with the id of a registry.")
        return cls(registry, etag, body)

    @property
    def text(self) -> str:
        """Return it as it is kept; neither ids nor tags nor JSON that is written without spaces have ends of lines."""
        return f"{self.id}\n{self.etag}\n{self.body}"

    @property
    def place(self) -> tuple[Scope, str]:
        """Return the scope and the name of the registry."""
        return parse_registry_id(self.id)

    @property
    def content(self) -> Any:
        """Return what the body says."""
        return json.loads(self.body)
