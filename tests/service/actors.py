"""Who may do what where: the cases that the tests prove and docs/access.md tells."""

from typing import NamedTuple

from registry_api.access.roles import StaticRoles
from registry_api.domain.assignments import RoleBook
from registry_api.domain.caller import Caller
from registry_api.domain.permissions import Action, Permissions
from registry_api.domain.problems import Code, refuse
from registry_api.domain.scope import Scope

TENANT = "tenant"
ONE, ANOTHER = "00000000-0000-0000-0000-0000000000a1", "00000000-0000-0000-0000-0000000000a2"  # subscriptions
HERE = Scope(subscription_id=ONE, resource_group="ml")
BESIDE = Scope(subscription_id=ONE, resource_group="other")
PLACES = {
    "Demo1": (HERE, "a registry in group `ml`"),
    "Demo2": (HERE, "another one in group `ml`"),
    "Demo3": (BESIDE, "one in group `other` of the same subscription"),
    "Demo4": (Scope(subscription_id=ANOTHER, resource_group="ml"), "one in group `ml` of another subscription"),
}
"""One registry in each place, and the words for it."""

_ALL, _MOST, _READ, _LAST, _NONE = "read, write, delete", "read, write", "read", "delete", "nothing"


class Actor(NamedTuple):
    """A caller with assignments, as role, scope and whether it denies, and what it may do in each place."""

    told: str
    assignments: tuple[tuple[str, str, bool], ...]
    may: tuple[str, str, str, str]


_WHOLE = f"/subscriptions/{ONE}"
_GROUP = HERE.id
_ONE = HERE.registry_id("Demo1")
ACTORS = {
    "owner": Actor("Owner of the subscription", (("Owner", _WHOLE, False),), (_ALL, _ALL, _ALL, _NONE)),
    "contributor": Actor("Contributor of the group", (("Contributor", _GROUP, False),), (_ALL, _ALL, _NONE, _NONE)),
    "reader": Actor("Reader of the subscription", (("Reader", _WHOLE, False),), (_READ,) * 3 + (_NONE,)),
    "keeper": Actor("Owner of that registry alone", (("Owner", _ONE, False),), (_ALL, _NONE, _NONE, _NONE)),
    "publisher": Actor(
        "a custom role, read and write, over the group", (("Publisher", _GROUP, False),), (_MOST, _MOST, _NONE, _NONE)
    ),
    "cleaner": Actor(
        "a custom role, delete alone, over the group", (("Cleaner", _GROUP, False),), (_LAST, _LAST, _NONE, _NONE)
    ),
    "mixed": Actor(
        "Reader of the subscription and Contributor of the group",
        (("Reader", _WHOLE, False), ("Contributor", _GROUP, False)),
        (_ALL, _ALL, _READ, _NONE),
    ),
    "restrained": Actor(
        "Owner of everything, denied to write and delete in the group",
        (("Owner", "/", False), ("Writer", _GROUP, True)),
        (_READ, _READ, _ALL, _ALL),
    ),
    "banned": Actor(
        "Owner of the group, denied everything in the subscription",
        (("Owner", _GROUP, False), ("Owner", _WHOLE, True)),
        (_NONE,) * 4,
    ),
    "nobody": Actor("no role", (), (_NONE,) * 4),
}
BOOK = RoleBook.model_validate(
    {
        "roles": {
            "Publisher": {"actions": [Action.READ, Action.WRITE]},
            "Cleaner": {"actions": [Action.DELETE]},
            "Writer": {"actions": ["Microsoft.MachineLearningServices/*"], "not_actions": ["*/read"]},
        },
        "assignments": [
            {"tenant": TENANT, "principal": name, "role": role, "scope": scope, "denies": denies}
            for name, actor in ACTORS.items()
            for role, scope, denies in actor.assignments
        ]
        + [
            {"tenant": TENANT, "principal": "root", "role": "Owner", "scope": "/"},
            {"tenant": "elsewhere", "principal": "stranger", "role": "Owner", "scope": "/"},
        ],
    }
)
ROLES = StaticRoles(BOOK)
ROOT = Caller(tenant=TENANT, id="root", name="root")
STRANGER = Caller(tenant="elsewhere", id="stranger", name="stranger")


class Away:
    """Roles that cannot be told."""

    async def permissions_of(self, caller: Caller, subscription_id: str) -> Permissions:
        """Return nothing."""
        del caller, subscription_id
        raise refuse(Code.AUTHORIZATION_UNAVAILABLE, "away")


def caller(name: str) -> Caller:
    """Return an actor as a caller."""
    return Caller(tenant=TENANT, id=name, name=name)


def table() -> list[list[str]]:
    """Return what everybody may do where, as docs/access.md tells it: the heading first."""
    head = ["who has", *(told for _, told in PLACES.values())]
    return [head, *([actor.told, *actor.may] for actor in ACTORS.values())]
