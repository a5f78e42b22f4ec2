"""What callers may do by their role assignments on Azure: the real client, and the stand-in for Resource Manager."""

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from devstack.resource_manager.authorization import TENANT
from devstack.resource_manager.running import RunningResourceManager
from registry_api.access import azure_authorization
from registry_api.access.azure_authorization import AzureAuthorization
from registry_api.access.azure_roles import KEEP, KEEP_DEFINITIONS, KEEP_NOTHING, AzureRoles
from registry_api.access.roles import CombinedRoles, StaticRoles
from registry_api.bearer import Bearer
from registry_api.connections import NoAnswerError
from registry_api.domain.assignments import RoleBook
from registry_api.domain.caller import Caller
from registry_api.domain.permissions import Action
from registry_api.domain.problems import Refusal
from registry_api.domain.scope import Scope
from registry_api.managed_identity import ManagedIdentity
from registry_api.service.ports import Roles
from tests.azure.assigned import (
    ABOVE,
    ADA,
    BOB,
    CONTRIBUTOR,
    CUSTOM,
    ELSEWHERE,
    EVERYBODY,
    GROUP,
    HERE,
    OTHERS,
    OWNER,
    READER,
    REGISTRY,
    SUBSCRIPTION,
    TEAM,
    WHOLE,
    assignment,
    caller,
    definition,
    denial,
)
from tests.azure.world import Token
from tests.service.world import ManualClock


class Wire:
    """The roles, and the Azure that they ask."""

    def __init__(self, azure: RunningResourceManager) -> None:
        self.azure = azure
        self.clock = ManualClock()
        self.authorization = AzureAuthorization(azure.url, Token(), self.clock)
        self.roles: Roles = AzureRoles(self.authorization, self.clock)

    def set(self, **authorization: Any) -> None:
        """Say who may do what."""
        self.azure.control("PUT", "authorization", authorization)

    def fail(self, path: str, status: int, code: str, **more: Any) -> None:
        """Let the next requests that match fail."""
        self.azure.control("POST", "faults", {"method": "GET", "path": path, "status": status, "code": code, **more})

    def asked(self, what: str = "") -> int:
        """Return how many requests there were."""
        return sum(what in entry["path"] for entry in self.azure.control("GET", "log"))

    async def may(self, who: Caller | None = None, where: Scope = HERE) -> str:
        """Return what a caller may do with a registry."""
        permissions = await self.roles.permissions_of(who or caller(), where.subscription_id)
        words = {Action.READ: "read", Action.WRITE: "write", Action.DELETE: "delete"}
        return ", ".join(
            word for action, word in words.items() if permissions.allow(action, where.registry_id("Demo1"))
        )


@pytest.fixture
async def wire(azure: RunningResourceManager) -> AsyncIterator[Wire]:
    """Yield roles that ask the stand-in."""
    wire = Wire(azure)
    yield wire
    others = asyncio.all_tasks() - {asyncio.current_task()}  # questions whose answers nobody waits for any more
    await asyncio.gather(*others, return_exceptions=True)
    await wire.authorization.close()


EVERYTHING, NOTHING = "read, write, delete", ""


@pytest.mark.parametrize(
    ("assignments", "here", "elsewhere"),
    [
        ([assignment(ADA, WHOLE)], EVERYTHING, EVERYTHING),
        ([assignment(ADA.upper(), GROUP.upper(), CONTRIBUTOR.upper())], EVERYTHING, NOTHING),
        ([assignment(ADA, WHOLE, READER), assignment(ADA, REGISTRY, CONTRIBUTOR)], EVERYTHING, "read"),
        ([assignment(ADA, ABOVE, READER)], "read", "read"),
        ([assignment(ADA, "/", READER)], "read", "read"),
        ([assignment(TEAM, GROUP, READER, "Group")], "read", NOTHING),
        ([assignment(OTHERS, WHOLE, OWNER, "Group")], NOTHING, NOTHING),
        ([assignment(BOB, WHOLE)], NOTHING, NOTHING),
        ([assignment(ADA, WHOLE, CUSTOM)], "read, write", "read, write"),
        ([assignment(ADA, WHOLE, BOB)], NOTHING, NOTHING),  # a role that is gone
        ([assignment(ADA, WHOLE, condition="@Resource[x] StringEquals 'y'")], NOTHING, NOTHING),
        ([assignment(ADA, f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a")], NOTHING, NOTHING),
        ([assignment(ADA, f"{WHOLE}x")], NOTHING, NOTHING),
        ([], NOTHING, NOTHING),
    ],
)
async def test_assignments_give_what_their_roles_have(
    wire: Wire, assignments: list[dict[str, Any]], here: str, elsewhere: str
) -> None:
    """Above, at and below the subscription, of the caller and of its groups; conditions and what is gone give none."""
    has = {"actions": ["Microsoft.MachineLearningServices/registries/*"], "notActions": ["*/delete"]}
    conditional = {"actions": ["*"], "notActions": [], "condition": "@Request[x] Exists"}
    wire.set(
        role_assignments=assignments,
        role_definitions=[definition({"actions": ["Microsoft.Storage/*"], "notActions": []}, has, conditional)],
        groups={ADA: [TEAM]},
    )

    assert (await wire.may(), await wire.may(where=ELSEWHERE)) == (here, elsewhere)


@pytest.mark.parametrize(
    ("denied", "here", "elsewhere"),
    [
        (denial(EVERYBODY), "read", "read"),
        (denial(EVERYBODY, excludePrincipals=[{"id": ADA, "type": "User"}]), EVERYTHING, EVERYTHING),
        (denial(EVERYBODY, excludePrincipals=[{"id": TEAM, "type": "Group"}]), "read", "read"),
        (denial({"id": ADA.upper(), "type": "User"}, scope=GROUP), "read", EVERYTHING),
        (denial({"id": BOB, "type": "User"}), EVERYTHING, EVERYTHING),
        (denial({"id": BOB, "type": "ServicePrincipal"}), EVERYTHING, EVERYTHING),
        (denial({"id": OTHERS, "type": "Group"}, scope=GROUP), "read", EVERYTHING),
        (denial({"id": OTHERS}), "read", "read"),
        (denial(EVERYBODY, scope=ABOVE), "read", "read"),
        (denial(EVERYBODY, actions="*/delete"), "read, write", "read, write"),
        (denial(EVERYBODY, actions="Microsoft.Storage/*"), EVERYTHING, EVERYTHING),
        (denial(EVERYBODY, scope=GROUP, doNotApplyToChildScopes=True), EVERYTHING, EVERYTHING),
        (denial(EVERYBODY, scope=REGISTRY, doNotApplyToChildScopes=True), "read", EVERYTHING),
        (denial(EVERYBODY, condition="@Resource[x] StringEquals 'y'"), "read", "read"),
    ],
)
async def test_a_denial_wins(wire: Wire, denied: dict[str, Any], here: str, elsewhere: str) -> None:
    """Of the caller, of everybody and of any group; but for those who are excluded by their own id."""
    wire.set(role_assignments=[assignment(ADA, WHOLE)], deny_assignments=[denied], groups={ADA: [TEAM]})

    assert (await wire.may(), await wire.may(where=ELSEWHERE)) == (here, elsewhere)


@pytest.mark.parametrize(
    ("who", "subscription"),
    [
        (caller("developer"), SUBSCRIPTION),
        (caller(None), SUBSCRIPTION),
        (caller(f"{ADA}') or assignedTo('{BOB}"), SUBSCRIPTION),
        (caller(), "default"),
        (caller(), ".."),
        (caller(), f"{SUBSCRIPTION}/../{BOB}"),
    ],
)
async def test_who_or_what_azure_cannot_know_is_not_asked_for(wire: Wire, who: Caller, subscription: str) -> None:
    """Ids that are no GUIDs give nothing and reach no address."""
    permissions = await wire.roles.permissions_of(who, subscription)

    assert not permissions.allow_somewhere(Action.READ, "/subscriptions")
    assert wire.asked() == 0


async def test_another_tenants_ids_mean_nothing(wire: Wire) -> None:
    """A caller of a tenant that the subscription does not trust gets nothing, whatever is assigned to its id."""
    wire.set(role_assignments=[assignment(ADA, WHOLE)], tenants={SUBSCRIPTION: TENANT.upper()})

    assert await wire.may(caller(tenant=str(uuid.uuid4()))) == NOTHING
    assert wire.asked("roleAssignments") == 0
    assert await wire.may(caller(tenant=TENANT.upper())) == EVERYTHING


@pytest.mark.parametrize(
    "code", [(404, "SubscriptionNotFound"), (403, "AuthorizationFailed"), (401, "InvalidAuthenticationTokenTenant")]
)
async def test_in_a_subscription_that_is_not_seen_nobody_has_anything(wire: Wire, code: tuple[int, str]) -> None:
    """Where the app's own identity may not look, callers get nothing, and Azure is not asked again at once."""
    wire.set(role_assignments=[assignment(ADA, WHOLE)])
    wire.fail(f"{WHOLE}$", *code, count=1)

    assert [await wire.may(), await wire.may()] == [NOTHING] * 2
    assert wire.asked() == 1
    wire.clock.advance(KEEP_NOTHING.total_seconds())
    assert await wire.may() == EVERYTHING


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (f"{WHOLE}$", (500, "InternalServerError")),
        (f"{WHOLE}$", (401, "ExpiredAuthenticationToken")),
        ("roleAssignments", (403, "AuthorizationFailed")),
        ("roleAssignments", (503, "ServerBusy")),
        ("denyAssignments", (403, "AuthorizationFailed")),
        ("denyAssignments", (404, "NotFound")),
        ("roleDefinitions", (403, "AuthorizationFailed")),
    ],
)
async def test_while_azure_does_not_tell_nobody_may_do_anything(wire: Wire, path: str, fault: tuple[int, str]) -> None:
    """Whichever question fails, the answer is that it cannot be told; nothing of it is kept."""
    wire.set(role_assignments=[assignment(ADA, WHOLE), assignment(ADA, WHOLE, CUSTOM)])
    wire.fail(path, *fault)

    with pytest.raises(Refusal, match="AuthorizationUnavailable") as refused:
        await wire.may()
    assert "subscriptions" not in str(refused.value)
    assert await wire.may() == EVERYTHING


async def test_a_principal_that_the_directory_does_not_know_has_nothing(wire: Wire) -> None:
    """An id that nobody has is no failure of Azure's."""
    wire.fail("roleAssignments", 400, "PrincipalNotFound")

    assert await wire.may() == NOTHING


async def test_an_azure_that_is_away_is_told_in_time(
    azure: RunningResourceManager, wire: Wire, monkeypatch: Any
) -> None:
    """A process that answers nothing is given up, and asked again by the next caller."""
    wire.set(role_assignments=[assignment(ADA, WHOLE)])
    azure.child.process.send_signal(signal.SIGSTOP)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(azure_authorization, "DEADLINE_SECONDS", 0.2)
            with pytest.raises(Refusal, match="AuthorizationUnavailable"):
                await wire.may()
    finally:
        azure.child.process.send_signal(signal.SIGCONT)

    assert await wire.may() == EVERYTHING


@pytest.mark.parametrize(
    "told",
    [
        {"deny_assignments": [denial(EVERYBODY, principals=None)]},
        {"deny_assignments": [denial(EVERYBODY, permissions=None)]},
        {"role_assignments": [assignment(ADA, WHOLE, roleDefinitionId=None)]},
        {"role_definitions": [{**definition(), "properties": {"assignableScopes": [WHOLE]}}]},
    ],
)
async def test_an_answer_that_is_not_understood_is_none(wire: Wire, told: dict[str, Any]) -> None:
    """What lacks a part that decides does not pass for what grants or denies nothing."""
    wire.set(role_assignments=[assignment(ADA, WHOLE), assignment(ADA, WHOLE, CUSTOM)])
    wire.set(**told)

    with pytest.raises(Refusal, match="AuthorizationUnavailable"):
        await wire.may()


async def test_azure_is_left_alone_for_as_long_as_it_says(wire: Wire) -> None:
    """After a 429 no question is sent until its time is over, whoever asks; a minute at most."""
    wire.set(role_assignments=[assignment(ADA, WHOLE), assignment(BOB, WHOLE)])
    wire.fail("roleAssignments", 429, "TooManyRequests", headers={"Retry-After": "3600"})
    for who in (ADA, BOB, ADA):
        with pytest.raises(Refusal, match="AuthorizationUnavailable"):
            await wire.may(caller(who))

    assert wire.asked("roleAssignments") == 1
    wire.clock.advance(60)
    assert await wire.may() == EVERYTHING


async def test_all_pages_are_read_up_to_a_bound(wire: Wire, monkeypatch: Any) -> None:
    """The last of many assignments counts; a list that does not end is none."""
    others = [assignment(ADA, f"{WHOLE}/resourceGroups/g{number}") for number in range(9)]
    wire.set(role_assignments=[*others, assignment(ADA, GROUP)])
    assert await wire.may() == EVERYTHING
    assert wire.asked("roleAssignments") == 5

    monkeypatch.setattr(azure_authorization, "MOST_PAGES", 4)
    wire.clock.advance(KEEP.total_seconds())
    with pytest.raises(Refusal, match="AuthorizationUnavailable"):
        await wire.may()


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/next",
        "http://127.0.0.1/next",
        "//127.0.0.1:1/x",
        "https://127.0.0.1@x/",
        "https://x:99999999/",
        "https://[::1",
        "https://[x]/",
        "/x",
    ],
)
def test_a_token_goes_to_azure_only(wire: Wire, link: str) -> None:
    """A next page at another address is not fetched: the app's token would go with it."""
    with pytest.raises(Refusal, match="AuthorizationUnavailable"):
        wire.authorization._following(link)


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/é"])
def test_a_next_page_is_an_address(wire: Wire, path: str) -> None:
    """What is no address, though it begins as one of Azure's, is not asked for."""
    with pytest.raises(Refusal, match="AuthorizationUnavailable"):
        wire.authorization._following(f"{wire.azure.url}{path}")


async def test_an_identity_without_a_token_is_told(wire: Wire, monkeypatch: Any) -> None:
    """Nobody may do anything then; and a token is never sent in the clear."""
    monkeypatch.setattr(wire.authorization, "_bearer", Bearer(ManagedIdentity("http://127.0.0.1:1/", ""), "scope"))
    with pytest.raises(Refusal, match="AuthorizationUnavailable"):
        await wire.may()
    with pytest.raises(ValueError, match="https"):
        AzureAuthorization("http://127.0.0.1:1", Token(), wire.clock)


async def test_a_token_that_is_refused_is_not_shown_again(wire: Wire, monkeypatch: Any) -> None:
    """The next question takes a new one."""
    token = Token()
    monkeypatch.setattr(wire.authorization, "_bearer", Bearer(token, "scope"))
    wire.set(role_assignments=[assignment(ADA, WHOLE)])
    wire.fail(f"{WHOLE}$", 401, "ExpiredAuthenticationToken")
    with pytest.raises(Refusal, match="AuthorizationUnavailable"):
        await wire.may()
    given = token.given
    assert await wire.may() == EVERYTHING
    assert token.given == given + 1


async def test_a_connection_that_azure_has_closed_is_no_failure(wire: Wire, monkeypatch: Any) -> None:
    """What was lost with it is asked for again, once."""
    exchange, lost = wire.authorization._connections.exchange, [True]

    async def lose_once(*arguments: Any) -> Any:
        if lost:
            lost.clear()
            raise NoAnswerError("the connection broke")
        return await exchange(*arguments)

    monkeypatch.setattr(wire.authorization._connections, "exchange", lose_once)
    wire.set(role_assignments=[assignment(ADA, WHOLE)])
    assert await wire.may() == EVERYTHING


async def test_many_at_once_ask_once(wire: Wire) -> None:
    """Fifty requests of a caller cost one question of each kind; that some give up does not disturb the others."""
    wire.set(role_assignments=[assignment(ADA, WHOLE, CUSTOM)], role_definitions=[definition({"actions": ["*"]})])
    waiting = [asyncio.create_task(wire.may()) for _ in range(50)]
    await asyncio.sleep(0)
    for task in waiting[:5]:
        task.cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert answers[5:] == [EVERYTHING] * 45
    assert [wire.asked(what) for what in ("roleAssignments", "denyAssignments", "roleDefinitions")] == [1, 1, 1]
    assert wire.asked() == 4


async def test_what_was_told_is_kept_for_a_while(wire: Wire) -> None:
    """A grant for five minutes, nothing for half a minute, a role for hours; and each caller's for itself."""
    wire.set(role_assignments=[assignment(ADA, WHOLE, CUSTOM)], role_definitions=[definition({"actions": ["*"]})])
    assert (await wire.may(), await wire.may(caller(BOB))) == (EVERYTHING, NOTHING)
    wire.set(role_assignments=[assignment(BOB, WHOLE)], deny_assignments=[denial({"id": BOB, "type": "User"})])

    wire.clock.advance(KEEP_NOTHING.total_seconds() - 1)
    assert (await wire.may(), await wire.may(caller(BOB))) == (EVERYTHING, NOTHING)
    wire.clock.advance(1)
    assert (await wire.may(), await wire.may(caller(BOB))) == (EVERYTHING, EVERYTHING)  # the denial is not known yet
    wire.clock.advance((KEEP - KEEP_NOTHING).total_seconds())
    assert (await wire.may(), await wire.may(caller(BOB))) == (NOTHING, "read")
    assert wire.asked("roleDefinitions") == 1
    wire.set(role_assignments=[assignment(ADA, WHOLE, CUSTOM)], role_definitions=[])
    wire.clock.advance((KEEP_DEFINITIONS - KEEP).total_seconds())
    assert await wire.may() == NOTHING


async def test_settings_and_azure_add_up(wire: Wire) -> None:
    """What either gives is given, what either denies is denied; without Azure there is nothing."""
    wire.set(
        role_assignments=[assignment(BOB, GROUP, READER)], deny_assignments=[denial(EVERYBODY, actions="*/delete")]
    )
    assigned = {"tenant": TENANT, "principal": ADA, "role": "Contributor", "scope": ELSEWHERE.id}
    book = RoleBook.model_validate({"assignments": [assigned, assigned | {"principal": BOB}]})
    wire.roles = CombinedRoles(StaticRoles(book), wire.roles)

    assert (await wire.may(caller(BOB)), await wire.may(caller(BOB), ELSEWHERE)) == ("read", "read, write")
    assert (await wire.may(), await wire.may(where=ELSEWHERE)) == (NOTHING, "read, write")
    wire.clock.advance(KEEP.total_seconds())
    wire.fail("roleAssignments", 500, "InternalServerError")
    with pytest.raises(Refusal, match="AuthorizationUnavailable"):
        await wire.may()
