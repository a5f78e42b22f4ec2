"""Role assignments, role definitions and deny assignments, as Azure Resource Manager tells them.

Source of the shapes: learn.microsoft.com/rest/api/authorization, version 2022-04-01, and
learn.microsoft.com/azure/role-based-access-control (role-assignments-list-rest, deny-assignments-rest).
The requests are few and simple, and the first request of a process waits for them: the SDK is not imported for them.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from registry_api.bearer import Bearer, NoTokenError
from registry_api.connections import Answer, Connections, NoAnswerError, host_of, written
from registry_api.domain.problems import Code, Refusal, refuse
from registry_api.domain.record import Record
from registry_api.retry_after import rest_of
from registry_api.service.ports import Clock
from registry_api.telemetry import span

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

DEADLINE_SECONDS = 4.0  # for one answer, all its pages included; a request may need two, and is answered within nine
MOST_PAGES = 50
LONGEST_REST = timedelta(seconds=60)

_AUTHORIZATION = "providers/Microsoft.Authorization"
_VERSION = {"api-version": "2022-04-01"}
_SUBSCRIPTIONS = {"api-version": "2022-12-01"}

# Azure's words for a subscription that our identity does not see: not there, no right, another tenant's.
_NOT_SEEN = frozenset({"SubscriptionNotFound", "AuthorizationFailed", "InvalidAuthenticationTokenTenant"})
_NOBODY = frozenset({"PrincipalNotFound"})
_NO_ROLE = frozenset({"RoleDefinitionDoesNotExist", "RoleDefinitionNotFound", "ResourceNotFound"})

_MOST_BYTES = 16 * 1024 * 1024
_CONNECT_WITHIN = 3.0
_ADDRESS = re.compile(r"[\x21-\x7e]+")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,100}")

_log = logging.getLogger(__name__)

T = TypeVar("T")


class _RefusedError(Exception):
    """Azure has answered that it does not tell."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.status, self.code = answer.status, _code_in(answer)


class _Told(Record):
    """What Azure tells. What we do not need is left out; what we need has to be there."""

    model_config = ConfigDict(alias_generator=to_camel)


class Permission(_Told):
    """Actions that go together."""

    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    condition: str | None = None


class RoleAssignment(_Told):
    """A role of a principal over a scope."""

    scope: str
    role_definition_id: str
    principal_id: str
    principal_type: str | None = None
    condition: str | None = None


class Principal(_Told):
    """Somebody, by object id."""

    id: str
    type: str | None = None


class DenyAssignment(_Told):
    """What nobody of some principals may do in a scope, whatever their roles."""

    scope: str
    permissions: tuple[Permission, ...]
    principals: tuple[Principal, ...]
    exclude_principals: tuple[Principal, ...] | None = None
    do_not_apply_to_child_scopes: bool | None = None


class _RoleDefinition(_Told):
    permissions: tuple[Permission, ...]


class _Subscription(_Told):
    tenant_id: str


class _Entry(_Told, Generic[T]):
    properties: T


class _Page(_Told, Generic[T]):
    value: tuple[_Entry[T], ...]
    next_link: str | None = None


class AzureAuthorization:
    """Asks Azure Resource Manager. Every method raises a `Refusal` when it does not answer as it should.

    Args:
        endpoint: Where it is.
        credential: Who is asking.
        clock: The time.

    Raises:
        ValueError: If a token would be sent in the clear.
    """

    def __init__(self, endpoint: str, credential: "AsyncTokenCredential", clock: Clock) -> None:
        address = urlsplit(endpoint)
        if address.scheme != "https":
            raise ValueError("An access token is sent over https only.")
        self._host = host_of(address)
        self._place = (address.scheme, address.hostname, address.port or 443)
        self._bearer = Bearer(credential, f"{endpoint}/.default")
        self._clock = clock
        self._connections = Connections(address, most_bytes=_MOST_BYTES, connect_within=_CONNECT_WITHIN)
        self._resting_until: dict[str, datetime] = {}  # by subscription: Azure counts for each

    async def tenant_of(self, subscription: str) -> str | None:
        """Return the tenant that a subscription trusts, None if our identity does not see the subscription."""
        try:
            text = await self._get(subscription, f"/subscriptions/{subscription}?{urlencode(_SUBSCRIPTIONS)}")
        except _RefusedError as error:
            if error.code not in _NOT_SEEN:
                _give_up(error)
            _log.warning("Subscription %s is not seen with the app's identity: %s.", subscription, error.code)
            return None
        return _read(_Subscription, text).tenant_id.lower()

    async def assignments_of(self, principal: str, subscription: str) -> list[RoleAssignment]:
        """Return the role assignments of a user or application, its groups' included, above, at and below."""
        try:
            return await self._list(
                RoleAssignment, subscription, "roleAssignments", {"$filter": f"assignedTo('{principal}')"}
            )
        except _RefusedError as error:
            if error.code not in _NOBODY:
                _give_up(error)
            return []

    async def denials_in(self, subscription: str) -> list[DenyAssignment]:
        """Return everybody's deny assignments above, at and below a subscription."""
        try:
            return await self._list(DenyAssignment, subscription, "denyAssignments", {})
        except _RefusedError as error:
            _give_up(error)

    async def definition_of(self, role: str, subscription: str) -> tuple[Permission, ...]:
        """Return what a role has, nothing if there is no such role."""
        path = f"/subscriptions/{subscription}/{_AUTHORIZATION}/roleDefinitions/{role}"
        try:
            text = await self._get(subscription, f"{path}?{urlencode(_VERSION)}")
        except _RefusedError as error:
            if error.code not in _NO_ROLE:
                _give_up(error)
            return ()
        return _read(_Entry[_RoleDefinition], text).properties.permissions

    async def close(self) -> None:
        """Close the connections; it may still be used and opens new ones."""
        await self._connections.close()

    async def _list(self, model: type[T], subscription: str, kind: str, query: Mapping[str, str]) -> list[T]:
        parameters, found = urlencode({**_VERSION, **query}, quote_via=quote), list[T]()
        target = f"/subscriptions/{subscription}/{_AUTHORIZATION}/{kind}?{parameters}"
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                for _ in range(MOST_PAGES):
                    page = _read(_Page[model], await self._get(subscription, target))  # type: ignore[valid-type]
                    found += [entry.properties for entry in page.value]
                    if not page.next_link:
                        return found
                    target = self._following(page.next_link)
        except TimeoutError as error:
            raise _unavailable("it does not answer in time") from error
        raise _unavailable(f"its list of {kind} has more than {MOST_PAGES} pages")

    def _following(self, link: str) -> str:
        """Return what to ask Azure for as the next page; a link that leads elsewhere is none."""
        try:
            address = urlsplit(link)
            is_there = (address.scheme, address.hostname, address.port or 443) == self._place
        except ValueError as error:
            raise _unavailable("it leads nowhere") from error
        if not is_there or not _ADDRESS.fullmatch(link):
            raise _unavailable("it leads elsewhere")
        return f"{address.path or '/'}?{address.query}"

    async def _get(self, subscription: str, target: str) -> bytes:
        """Return what is at a path, about a subscription.

        Raises:
            _RefusedError: If Azure refuses.
            Refusal: If it does not answer, or wants to be left alone.
        """
        now, subscription = self._clock.now(), subscription.lower()
        self._resting_until = {one: until for one, until in self._resting_until.items() if now < until}
        if subscription in self._resting_until:
            raise _unavailable("it wants to be left alone")
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                answer = await self._ask(target)
        except NoTokenError as error:
            raise _unavailable("the app has got no access token") from error
        except (NoAnswerError, TimeoutError) as error:
            raise _unavailable(f"it does not answer, {str(error) or type(error).__name__}") from error
        if rest := rest_of(answer.headers.get("retry-after", ""), self._clock.now()):
            self._resting_until[subscription] = self._clock.now() + min(rest, LONGEST_REST)
        if answer.status != HTTPStatus.OK:
            raise _RefusedError(answer)
        return answer.body

    async def _ask(self, target: str) -> Answer:
        headers = {
            "Host": self._host,
            "User-Agent": "registry-api",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Authorization": await self._bearer.of(),
        }
        request = written("GET", target, headers)
        with span("ask Azure", path=target.partition("?")[0]) as asked:
            try:
                answer = await self._connections.exchange(request, DEADLINE_SECONDS)
            except NoAnswerError:  # of a connection that had been closed meanwhile, perhaps; to ask again is safe
                await self._connections.close()
                answer = await self._connections.exchange(request, DEADLINE_SECONDS)
            asked.ended(str(answer.status), failed=answer.status >= HTTPStatus.BAD_REQUEST)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._bearer.refused()
        return answer


_M = TypeVar("_M", bound=BaseModel)


def _read(model: type[_M], text: bytes) -> _M:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise _unavailable("its answer is not understood") from error


def _code_in(answer: Answer) -> str:
    """Return Azure's own name for an error, or what stands for its status."""
    try:
        found: Any = json.loads(answer.body)
        code = found["error"]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        code = None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else f"HTTP {answer.status}"


def _give_up(error: _RefusedError) -> NoReturn:
    raise _unavailable(f"it answers {error.status}, {error.code}") from error


def _unavailable(why: str) -> Refusal:
    """Say in the log what is wrong, and only that it is to the caller."""
    _log.warning("Azure cannot be asked who may do what: %s.", why)
    return refuse(
        Code.AUTHORIZATION_UNAVAILABLE, "What you may do cannot be told now: Azure does not answer; try again soon."
    )
