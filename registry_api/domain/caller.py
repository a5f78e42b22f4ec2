"""Who asks for something."""

from typing import NamedTuple


class Caller(NamedTuple):
    """Who is asking."""

    tenant: str
    name: str
    id: str | None = None  # what the directory calls the caller; names change hands
    kind: str = "User"

    @property
    def principal(self) -> str:
        """Return what tells callers of a tenant apart."""
        return self.id or self.name


NOBODY = Caller(tenant="", name="nobody", kind="Nobody")  # of a tenant that has nothing


def service_of(tenant: str) -> Caller:
    """Return who acts when nobody has asked: the service itself."""
    return Caller(tenant=tenant, name="registry-api", kind="Application")
