"""Access tokens of Microsoft Entra ID, of users and of applications, in both versions.

Sources of the rules: learn.microsoft.com/entra/identity-platform/access-tokens (what to validate) and
.../access-token-claims-reference (what the claims mean); RFC 6750 (how a token comes); RFC 8725 (what to beware of).
"""

import logging
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from registry_api.domain.caller import Caller
from registry_api.domain.problems import Code, Refusal, refuse
from registry_api.service.ports import Clock

if TYPE_CHECKING:
    from registry_api.access.signing_keys import SigningKey, SigningKeys

LEEWAY = timedelta(seconds=60)  # that clocks may differ by
_LONGEST = 16 * 1024
_NEEDED = ("exp", "nbf", "iat", "iss", "aud", "tid", "oid")
_SCHEME = "bearer"

# Version 1 tokens come from another issuer than the authority that gives them.
_ISSUERS_V1 = {
    "https://login.microsoftonline.com": "https://sts.windows.net",
    "https://login.microsoftonline.us": "https://sts.windows.net",
    "https://login.partner.microsoftonline.cn": "https://sts.chinacloudapi.cn",
}

_CURRENT = "2.0"

_log = logging.getLogger(__name__)


def issuer_of(authority: str, tenant: str, version: object) -> str:
    """Return what tokens of a version name as the one who issued them."""
    if version == _CURRENT:
        return f"{authority}/{tenant}/v2.0"
    return f"{_ISSUERS_V1.get(authority, authority)}/{tenant}/"


class AccessTokens:
    """Lets in who brings an access token for this service from one of its tenants.

    Args:
        authority: Who gives the tokens, such as `https://login.microsoftonline.com`.
        audiences: What the tokens may be for.
        tenants: Whose tokens are taken, in lower case.
        clock: Tells how old the authority's keys are.
    """

    def __init__(self, authority: str, audiences: Collection[str], tenants: Collection[str], clock: Clock) -> None:
        self._authority = authority
        self._audiences = [*audiences]
        self._tenants = tenants
        self._clock = clock
        self._keys: SigningKeys | None = None

    async def caller_of(self, headers: Mapping[str, str]) -> Caller | None:
        """Return whom the token names, None if there is none.

        Raises:
            Refusal: If the token is not to be trusted, or whether it is cannot be told now.
        """
        header = headers.get("authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != _SCHEME or not token.strip():
            raise _untrusted("Authorization must be 'Bearer' and an access token.")
        if len(token) > _LONGEST:
            raise _untrusted("The access token is too long.")
        claims = await self._verified(token.strip())
        return _caller(claims)

    async def _verified(self, token: str) -> Mapping[str, Any]:
        import jwt  # noqa: PLC0415 - costs start-up time

        try:
            key = await self._key_of(jwt.get_unverified_header(token))
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=self._audiences,
                leeway=LEEWAY,
                options={"require": [*_NEEDED]},
            )
        except jwt.ExpiredSignatureError:
            raise _untrusted("The access token has expired; get a new one.") from None
        except jwt.ImmatureSignatureError:
            raise _untrusted("The access token is not valid yet.") from None
        except jwt.InvalidAudienceError:
            audiences = ", ".join(self._audiences)
            raise _untrusted(f"The access token is for another service; ask for one for: {audiences}.") from None
        except jwt.MissingRequiredClaimError as error:
            raise _untrusted(f"The access token lacks the claim '{error.claim}'.") from None
        except (jwt.PyJWTError, ValueError):
            _log.info("An access token is refused.", exc_info=True)
            raise _untrusted("The access token is not one, or its signature is not the authority's.") from None
        self._check_origin(claims, key)
        return claims

    async def _key_of(self, header: Mapping[str, Any]) -> "SigningKey":
        from registry_api.access import signing_keys  # noqa: PLC0415 - costs start-up time

        key_id = header.get("kid")
        if header.get("alg") != "RS256" or not isinstance(key_id, str):
            raise _untrusted("The access token must be signed by RS256, and name its key.")
        if self._keys is None:
            self._keys = signing_keys.SigningKeys(f"{self._authority}/common/discovery/v2.0/keys", self._clock)
        try:
            key = await self._keys.find(key_id)
        except signing_keys.KeysUnavailable:
            raise refuse(
                Code.IDENTITY_UNAVAILABLE, "Access tokens cannot be verified now: the authority does not answer."
            ) from None
        if key is None:
            raise _untrusted("The access token is signed with a key that the authority does not have.")
        return key

    def _check_origin(self, claims: Mapping[str, Any], key: "SigningKey") -> None:
        """Check that the token comes from a tenant that is let in, and that tenant's issuer.

        Raises:
            Refusal: If not.
        """
        tenant = claims["tid"]
        if not isinstance(tenant, str) or tenant.lower() not in self._tenants:
            raise _untrusted("The access token is from a tenant that is not let in.")
        if not isinstance(claims["oid"], str) or not claims["oid"]:
            raise _untrusted("The access token names nobody.")
        issuer = issuer_of(self._authority, tenant, claims.get("ver"))
        signer = issuer_of(self._authority, tenant, _CURRENT)
        may_sign = key.issuer is None or key.issuer.replace("{tenantid}", tenant) == signer
        if claims["iss"] != issuer or not may_sign:
            raise _untrusted("The access token is from an issuer that is not its tenant's.")


def _caller(claims: Mapping[str, Any]) -> Caller:
    """Return whom verified claims name."""
    name = _first(claims, ("preferred_username", "upn", "unique_name", "email"))
    kind = "User"
    if claims.get("idtyp") == "app" or "scp" not in claims:
        name = _first(claims, ("azp", "appid"))
        kind = "ManagedIdentity" if "xms_mirid" in claims else "Application"
    return Caller(tenant=claims["tid"].lower(), id=claims["oid"], name=name or claims["oid"], kind=kind)


def _first(claims: Mapping[str, Any], names: Collection[str]) -> str | None:
    return next((claims[name] for name in names if isinstance(claims.get(name), str) and claims[name]), None)


def _untrusted(message: str) -> Refusal:
    return refuse(Code.UNAUTHENTICATED, message, "Authorization")
