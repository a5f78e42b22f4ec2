"""The caller as App Service authentication tells it, where that is in charge.

Source: learn.microsoft.com/azure/app-service/configure-authentication-user-identities. The platform verifies the
token, and removes the header from what callers send; where it is not in charge, the header is the caller's own.
"""

import binascii
import json
from base64 import b64decode
from collections.abc import Collection, Mapping
from typing import Any

from registry_api.domain.caller import Caller
from registry_api.domain.problems import Code, Refusal, refuse

_HEADER = "x-ms-client-principal"
_SCHEMA = "http://schemas.microsoft.com/identity/claims"
_SOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_TENANT = ("tid", f"{_SCHEMA}/tenantid")
_OBJECT = ("oid", f"{_SCHEMA}/objectidentifier")
_USER = ("preferred_username", f"{_SOAP}/upn", "upn", f"{_SOAP}/emailaddress", f"{_SOAP}/name")
_APPLICATION = ("azp", "appid")
_SCOPES = ("scp", f"{_SCHEMA}/scope")


class PlatformPrincipal:
    """Lets in whom App Service authentication has signed in, from one of the service's tenants.

    Args:
        tenants: Who is let in, in lower case.
    """

    def __init__(self, tenants: Collection[str]) -> None:
        self._tenants = tenants

    async def caller_of(self, headers: Mapping[str, str]) -> Caller | None:
        """Return whom the platform names, None if it names nobody.

        Raises:
            Refusal: If it is nobody from a tenant that is let in.
        """
        header = headers.get(_HEADER)
        if header is None:
            return None
        claims = _claims(header)
        tenant, object_id = _first(claims, _TENANT), _first(claims, _OBJECT)
        if tenant is None or tenant.lower() not in self._tenants or object_id is None:
            raise _unknown("App Service has signed in somebody from a tenant that is not let in.")
        is_application = _first(claims, ("idtyp",)) == "app" or _first(claims, _SCOPES) is None
        names, kind = (_APPLICATION, "Application") if is_application else (_USER, "User")
        return Caller(tenant=tenant.lower(), id=object_id, name=_first(claims, names) or object_id, kind=kind)


def _claims(header: str) -> Mapping[str, str]:
    """Return the claims in the header: the first of each type."""
    try:
        principal: Any = json.loads(b64decode(header, validate=True))
        if principal["auth_typ"] != "aad":
            raise _unknown("App Service has signed somebody in whom Microsoft Entra ID does not know.")
        return {claim["typ"]: claim["val"] for claim in reversed(principal["claims"]) if isinstance(claim["val"], str)}
    except (binascii.Error, ValueError, TypeError, LookupError):
        raise _unknown("What App Service tells of the caller cannot be read.") from None


def _first(claims: Mapping[str, str], types: Collection[str]) -> str | None:
    return next((claims[kind] for kind in types if claims.get(kind)), None)


def _unknown(message: str) -> Refusal:
    return refuse(Code.UNAUTHENTICATED, message)
