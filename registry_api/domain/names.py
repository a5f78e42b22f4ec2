"""How a registry may be called, and what of it is unique."""

import re
from typing import NamedTuple

# The documentation says 2 to 32 characters; the published REST specifications say 3 to 33 or 1 to 255.
# See docs/decisions/0003-registry-names.md.
PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,31}")

RULE = "must be 2 to 32 letters, digits, '_' or '-', and start with a letter or digit"


def is_registry_name(text: str) -> bool:
    """Tell whether a registry may have this name."""
    return PATTERN.fullmatch(text) is not None


def key_of(name: str) -> str:
    """Return what is unique in a tenant: names that differ only in case are one name."""
    return name.lower()


class RegistryKey(NamedTuple):
    """What is unique: a name, whatever its case, within a tenant."""

    tenant: str
    name: str

    @classmethod
    def of(cls, tenant: str, name: str) -> "RegistryKey":
        """Return the key of the registry that a tenant calls by this name."""
        return cls(tenant, key_of(name))
