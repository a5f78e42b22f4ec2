"""What roles allow, where, and what denies it."""

import pytest
from pydantic import ValidationError

from registry_api.domain.assignments import RoleBook
from registry_api.domain.permissions import BUILT_IN, Action, Grant, Permissions, Role

WHOLE = "/subscriptions/00000000-0000-0000-0000-0000000000A1"
GROUP = f"{WHOLE}/resourceGroups/RG1"
DEMO = f"{GROUP}/providers/Microsoft.MachineLearningServices/registries/Demo1"


@pytest.mark.parametrize(
    ("role", "actions"),
    [
        (BUILT_IN["Owner"], "read write delete"),
        (BUILT_IN["Contributor"], "read write delete"),
        (BUILT_IN["Reader"], "read"),
        (Role(("microsoft.machinelearningservices/REGISTRIES/write",)), "write"),
        (Role(("Microsoft.MachineLearningServices/*",), ("*/delete",)), "read write"),
        (Role(("Microsoft.MachineLearningServices/registries/assets/*",)), ""),
        (Role(("Microsoft.MachineLearningServices/registries",)), ""),
        (Role(("Microsoft.MachineLearningServices/registries/read ",)), ""),
        (Role(("Microsoft.MachineLearningServices.registries.read",)), ""),
        (Role(("*/registries/*",), ("*",)), ""),
        (Role(()), ""),
    ],
)
def test_a_role_has_the_actions_that_it_names(role: Role, actions: str) -> None:
    """A star stands for any text, slashes included; what is taken away is not there; letters have no case."""
    assert [action.value.rpartition("/")[2] for action in Action if role.has(action)] == actions.split()


@pytest.mark.parametrize(
    ("scope", "covers"),
    [
        ("/", True),
        (WHOLE, True),
        (f"{WHOLE.upper()}/", True),
        (GROUP, True),
        (GROUP.lower(), True),
        (DEMO, True),
        (f"{DEMO}x", False),
        (DEMO[:-1], False),
        (f"{GROUP}0", False),
        (GROUP[:-1], False),
        (WHOLE[:-1], False),
        (f"{WHOLE[:-1]}2", False),
        (f"{DEMO}/models/m", False),
    ],
)
def test_a_scope_covers_what_is_at_it_and_below(scope: str, covers: bool) -> None:  # noqa: FBT001 - the expected answer
    """Scopes are whole parts of a path: a name that merely begins alike is another one."""
    for action in Action:
        assert Permissions([Grant(BUILT_IN["Owner"], scope)]).allow(action, DEMO) is covers


def test_permissions_add_up_and_a_denial_wins() -> None:
    """What one role takes away another may give; what is denied above or at a scope nobody gives, in any order."""
    reader, writer = Grant(BUILT_IN["Reader"], WHOLE), Grant(Role(("*/write",), ("*/read",)), GROUP)
    denial = Grant(Role(("*/registries/write",)), WHOLE, denies=True)

    assert [Permissions([reader, writer]).allow(action, DEMO) for action in Action] == [True, True, False]
    for grants in ([reader, writer, denial], [denial, writer, reader]):
        assert [Permissions(grants).allow(action, DEMO) for action in Action] == [True, False, False]
    elsewhere = Grant(denial.role, f"{GROUP}2", denies=True)
    assert Permissions([writer, elsewhere]).allow(Action.WRITE, DEMO)


def test_nothing_is_allowed_without_a_grant() -> None:
    """Who has no role may do nothing; a denial gives nothing."""
    assert not Permissions([]).allow(Action.READ, DEMO)
    assert not Permissions([Grant(Role(("*/write",)), "/", denies=True)]).allow(Action.READ, DEMO)


def test_whoever_may_read_a_part_may_list_the_whole() -> None:
    """A role over one registry is reason enough to list its group and subscription, and no others."""
    permissions = Permissions([Grant(BUILT_IN["Reader"], DEMO)])

    assert permissions.allow_somewhere(Action.READ, GROUP.upper())
    assert permissions.allow_somewhere(Action.READ, WHOLE)
    assert permissions.allow_somewhere(Action.READ, DEMO)
    assert not permissions.allow_somewhere(Action.READ, f"{GROUP}2")
    assert not permissions.allow_somewhere(Action.WRITE, GROUP)
    assert not Permissions([Grant(BUILT_IN["Owner"], DEMO, denies=True)]).allow_somewhere(Action.READ, GROUP)


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([Grant(BUILT_IN["Reader"], "/")], True),
        ([Grant(BUILT_IN["Reader"], GROUP.upper())], True),
        ([Grant(BUILT_IN["Reader"], f"{GROUP}2")], False),
        ([], False),
        ([Grant(BUILT_IN["Reader"], DEMO)], None),
        ([Grant(BUILT_IN["Reader"], "/"), Grant(BUILT_IN["Owner"], DEMO, denies=True)], None),
        ([Grant(BUILT_IN["Reader"], "/"), Grant(Role(("*/delete",)), DEMO, denies=True)], True),
    ],
)
def test_a_group_is_decided_as_a_whole_unless_its_parts_differ(grants: list[Grant], *, expected: bool | None) -> None:
    """One look is enough for all of a group, unless a grant or a denial of the action is over one of them."""
    assert Permissions(grants).allow_everywhere(Action.READ, GROUP) is expected


def test_a_book_tells_what_a_principal_of_a_tenant_has() -> None:
    """Assignments are by tenant and principal, whatever their case."""
    book = RoleBook.model_validate(
        {
            "roles": {"Operator": {"actions": ["*/write"], "not_actions": ["*/delete"]}},
            "assignments": [
                {"tenant": "T1", "principal": "Ada", "role": "Operator", "scope": GROUP},
                {"tenant": "t1", "principal": "ada", "role": "Owner", "scope": WHOLE, "denies": True},
                {"tenant": "t2", "principal": "ada", "role": "Owner", "scope": "/"},
            ],
        }
    )

    assert book.grants_of("t1", "ADA") == [
        Grant(Role(("*/write",), ("*/delete",)), GROUP),
        Grant(BUILT_IN["Owner"], WHOLE, denies=True),
    ]
    assert book.grants_of("t3", "ada") == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"role": "Ruler"}, "'Ruler' is no role; there are Owner, Contributor, Reader"),
        ({"scope": WHOLE[1:]}, "scope"),
        ({"scope": f"{WHOLE}/RG1"}, "scope"),
        ({"scope": ""}, "scope"),
        ({"scope": f"{GROUP}\n"}, "scope"),
        ({"scope": "/subscriptions/production"}, "which is a GUID"),
        ({"scope": f"{WHOLE}0"}, "which is a GUID"),
        ({"scope": f"{DEMO}$"}, "which is a GUID"),
        ({"scope": f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/demo"}, "registries/…"),
        (
            {"scope": f"{GROUP}/providers/Microsoft.MachinLearningServices/registries/demo", "denies": "true"},
            "must be '/'",
        ),
        ({"scope": f"{GROUP}/providers/Microsoft.MachineLearningServices/registries/demo/models/one"}, "must be '/'"),
        ({"principle": "ada"}, "principle"),
    ],
)
def test_a_book_has_only_what_has_a_meaning(wrong: dict[str, str], told: str) -> None:
    """An unknown role, a scope that is none or a misspelt field is told, not overlooked."""
    assignment = {"tenant": "t1", "principal": "ada", "role": "Owner", "scope": "/", **wrong}

    with pytest.raises(ValidationError, match=told):
        RoleBook.model_validate({"assignments": [assignment]})


@pytest.mark.parametrize("scope", ["/", WHOLE, GROUP, DEMO, DEMO.lower()])
def test_a_scope_is_written_as_azure_writes_it(scope: str) -> None:
    """Everything, a subscription, a group or a registry, in any case."""
    assignment = {"tenant": "t1", "principal": "ada", "role": "Owner", "scope": scope}

    assert RoleBook.model_validate({"assignments": [assignment]}).grants_of("t1", "ada") == [
        Grant(BUILT_IN["Owner"], scope)
    ]


@pytest.mark.parametrize("name", ["Owner", "reader", " Reader", "Other ", "", "PUBLISHER"])
def test_a_custom_role_has_a_name_of_its_own(name: str) -> None:
    """Whoever reads that somebody is a Reader must be right about what that is."""
    role = {"actions": ["*/read"]}
    with pytest.raises(ValidationError, match=f"'{name}' is no name for a custom role"):
        RoleBook.model_validate({"roles": {"Publisher": role, name: role}})


@pytest.mark.parametrize(
    "role",
    [
        {"actions": []},
        {"actions": [""]},
        {"actions": ["Microsoft.MachineLearningServices/registry/read"]},
        {"actions": ["*/read"], "not_actions": ["*"]},
    ],
)
def test_a_custom_role_has_an_action(role: dict[str, list[str]]) -> None:
    """One that has none gives nothing and, worse, denies nothing: it is told which actions there are."""
    with pytest.raises(ValidationError, match=r"'Odd' has none of the actions .*registries/read, .*/write, .*/delete"):
        RoleBook.model_validate({"roles": {"Odd": role}})
