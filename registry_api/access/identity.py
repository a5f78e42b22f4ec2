"""Who is calling. Until real identities come, there is one caller: the developer, in development only."""

import logging

from registry_api.domain.problems import Code, refuse
from registry_api.domain.registry import Caller
from registry_api.settings import Settings

_log = logging.getLogger(__name__)


def developer(settings: Settings) -> Caller | None:
    """Return the caller that stands for everybody on a developer's machine; None anywhere else."""
    if not settings.is_development:
        return None
    _log.warning("Every caller is let in as 'developer', Owner of tenant %s. For development only.", settings.tenant)
    return Caller(tenant=settings.tenant, name="developer")


def authenticate(everybody: Caller | None) -> Caller:
    """Return who is calling.

    Raises:
        Refusal: If it is not known.
    """
    if everybody is None:
        raise refuse(Code.UNAUTHENTICATED, "No way to sign in is set up for this app; it lets nobody in.")
    return everybody
