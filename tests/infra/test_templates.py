"""The templates in infra/ fit the code. They were never compiled or deployed by these tests."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from devstack.resource_manager.running import RunningResourceManager
from registry_api.settings import Settings
from registry_api.storage.names import NOTICES, QUEUE, TABLE
from tests.azure.learning import LearningWorld, converged
from tests.azure.world import AzureWorld
from tests.infra.templates import INFRA, files, resources, syntax_errors, template, texts

# Settings that are nobody's business on Azure, or are set by Azure itself.
NOT_SET = {
    "AzureWebJobsStorage",  # its addresses are
    "AZURE_FUNCTIONS_ENVIRONMENT",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "WEBSITE_AUTH_ENABLED",
    "REGISTRY_DEVELOPER_TENANT",
    "REGISTRY_LOCAL_BLOB_ENDPOINT",
    "REGISTRY_LOCAL_ACCOUNT_KEY",
    "REGISTRY_LOCAL_REGIONS_DOWN",
    "REGISTRY_LOCAL_SUBSCRIBERS",
}
# What the host and the telemetry read, and our settings do not.
FOR_OTHERS = {
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
}
READ_BY_ACCESS = {
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.Authorization/roleDefinitions/read",
    "Microsoft.Authorization/denyAssignments/read",
}
VERBS = {"GET": "read", "PUT": "write", "DELETE": "delete"}


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_the_syntax_is_right(file: Path) -> None:
    """Both parsers read every template, and no module comes from elsewhere."""
    text = file.read_text("utf-8")
    assert syntax_errors(text) == []
    assert template(file.name)
    for module in re.findall(r"^module \w+ '([^']+)'", text, re.MULTILINE):
        assert (INFRA / module).is_file()


def test_a_wrong_syntax_would_be_noticed() -> None:
    """The parser does say so."""
    text = (INFRA / "app.bicep").read_text("utf-8")
    assert syntax_errors(text.replace("param tags object", "param tags object {", 1))


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_every_parameter_is_passed_and_used(file: Path) -> None:
    """A module gets exactly the parameters that it declares, and uses each."""
    text = file.read_text("utf-8")
    for name in template(file.name)["parameters"]:
        assert len(re.findall(rf"\b{name}\b", text)) > 1, name
    for module in template(file.name).get("modules", {}).values():
        declared = template(module["detail"]["path"])["parameters"]
        config = module["config"].get("config", module["config"])  # the former where there is a condition
        assert set(config["params"]) == set(declared)


def test_the_parameters_file_fits() -> None:
    """Every parameter without a default has a value, and none is unknown."""
    given = set(json.loads((INFRA / "main.parameters.json").read_text("utf-8"))["parameters"])
    declared = template("main.bicep")["parameters"]

    assert given <= set(declared)
    assert {name for name, parameter in declared.items() if parameter.get("default") is None} <= given


def test_every_setting_is_set() -> None:
    """Whatever the code reads is set on the app, or is known not to be; and nothing is set that nobody reads."""
    (settings,) = resources("app.bicep", "Microsoft.Web/sites/config").values()
    names = set(settings["config"]["properties"])
    read = {str(field.alias) for field in Settings.model_fields.values()}

    assert names == read - NOT_SET | FOR_OTHERS
    assert read >= NOT_SET
    assert settings["config"]["properties"]["REGISTRY_BACKEND"] == "backend"
    parameter = template("main.bicep")["parameters"]["backend"]
    (allowed,) = [one["argument"] for one in parameter["decorators"] if one["type"] == "allowed"]
    known = get_args(Settings.model_fields["backend"].annotation)
    assert ({"local", *allowed}, parameter["default"]) == ({*known}, "azure")
    assert settings["config"]["properties"]["AzureWebJobsStorage__credential"] == "managedidentity"


def test_storage_has_no_keys_and_what_the_app_needs() -> None:
    """Shared keys and public blobs are off; the table, the queues and their poison queues are there."""
    (account,) = resources("app.bicep", "Microsoft.Storage/storageAccounts").values()
    options = account["config"]["properties"]
    queues = resources("app.bicep", "Microsoft.Storage/storageAccounts/queueServices/queues").values()
    (table,) = resources("app.bicep", "Microsoft.Storage/storageAccounts/tableServices/tables").values()

    assert (options["allowSharedKeyAccess"], options["allowBlobPublicAccess"]) == (False, False)
    assert options["minimumTlsVersion"] == "TLS1_2"
    assert {queue["config"]["name"] for queue in queues} == {QUEUE, f"{QUEUE}-poison", NOTICES, f"{NOTICES}-poison"}
    assert table["config"]["name"] == TABLE
    assert "listKeys" not in (INFRA / "app.bicep").read_text("utf-8")


def test_the_app_has_the_roles_that_it_needs() -> None:
    """Blobs for the host, queue and table for us, metrics for the telemetry; each by its well-known id."""
    assert {role for role in texts(template("app.bicep")["variables"]) if re.fullmatch(r"[0-9a-f-]{36}", role)} == {
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
        "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
        "3913510d-42f4-4e42-8a64-420c390055eb",
    }
    roles = resources("app.bicep", "Microsoft.Authorization/roleAssignments")
    assert set(roles) == {"storageRoles", "metricsRole"}


def _actions(name: str, backend: str = "azure") -> set[str]:
    """Return the actions of a role; those that a backend needs are in a variable, by the backend's name."""
    role = resources("registries.bicep", "Microsoft.Authorization/roleDefinitions")[name]
    (permission,) = role["config"]["properties"]["permissions"]
    actions = permission["actions"]
    if isinstance(actions, dict):
        by_backend = actions["operator"]
        assert (by_backend["type"], by_backend["operands"]["operand_2"]) == ("index_accessor", "backend")
        actions = template("registries.bicep")["variables"][by_backend["operands"]["operand_1"]]["value"][backend]
    return set(actions)


def _check_roles(backend: str, used: set[str]) -> None:
    """See that what was used is in the roles, and nothing else: registering is done in the subscription."""
    registering = {action for action in used if action.endswith("/register/action")}
    assert registering
    assert _actions("registrar", backend) == registering
    assert _actions("provisioner", backend) == used - registering


def _action(entry: dict[str, Any]) -> str:
    """Return the action that Azure would ask a right for."""
    _, _, provider = entry["path"].rpartition("/providers/")
    if entry["method"] == "POST":
        namespace, *parts, verb = provider.split("/")
        spelled = {
            "microsoft.storage": "Microsoft.Storage",
            "microsoft.containerregistry": "Microsoft.ContainerRegistry",
            "microsoft.machinelearningservices": "Microsoft.MachineLearningServices",
        }
        return "/".join([spelled[namespace.lower()], *parts[::2], verb, "action"])
    if provider == entry["path"]:
        below = "/resources" if entry["path"].endswith("/resources") else ""
        return f"Microsoft.Resources/subscriptions/resourceGroups{below}/{VERBS[entry['method']]}"
    namespace, *parts = provider.split("/")
    types = "/".join(parts[::2])
    return f"{namespace}/{types}/{VERBS[entry['method']]}"


async def test_the_roles_have_exactly_the_actions_that_are_used(world: AzureWorld) -> None:
    """Everything that a registry's life asks of Azure is in the roles, and they have nothing else."""
    for namespace in ("Storage/storageAccounts", "ContainerRegistry/registries"):
        world.fail("PUT", f"/providers/Microsoft.{namespace}/[^/]+$", 409, "MissingSubscriptionRegistration")
    await world.put("eastus", "westus")
    await world.settle()
    await world.put("eastus")
    await world.settle()
    await world.delete()
    await world.settle()
    used = {_action(entry) for entry in world.azure.control("GET", "log")}

    _check_roles("azure", used)
    assert _actions("observer") == READ_BY_ACCESS


async def test_with_the_other_backend_the_roles_have_its_actions(azure: RunningResourceManager) -> None:
    """The same for a registry that is handed over to Azure Machine Learning."""
    async with LearningWorld(azure) as world:
        world.fail("PUT", "/registries/[^/]+$", 409, "MissingSubscriptionRegistration")
        await converged(world, "eastus", "westus")
        await converged(world, "eastus")
        await world.delete()
        await world.settle()
    _check_roles("azureml", {_action(entry) for entry in azure.control("GET", "log")})


def test_every_role_is_assigned() -> None:
    """Reading access and registering count in the subscription always, provisioning there or in the one group."""
    assigned = resources("registries.bicep", "Microsoft.Authorization/roleAssignments")
    group = template("registries.bicep")["modules"]["provisionsInGroup"]

    assert [_role_of(assigned[name]["config"]) for name in ("observes", "registers")] == ["observer", "registrar"]
    whole, within = assigned["provisions"]["config"], group["config"]
    assert _role_of(whole["config"]) == "provisioner"
    assert whole["condition"]["function"]["type"] == "empty"
    assert within["condition"]["operator"]["type"] == "not"
    assert within["config"]["params"]["roleDefinitionId"]["operator"]["operands"]["operand_1"] == "provisioner"


def _role_of(assignment: dict[str, Any]) -> str:
    return str(assignment["properties"]["roleDefinitionId"]["operator"]["operands"]["operand_1"])


def test_alerts_look_for_what_the_code_says() -> None:
    """The texts and names that alerts look for are those of the code."""
    rules = "\n".join(texts(template("alerts.bicep")["variables"]))
    code = "\n".join(file.read_text("utf-8") for file in (INFRA.parent / "registry_api").rglob("*.py"))

    for wanted in re.findall(r'(?:==|has) "([^"]+)"', rules):
        assert wanted in code, wanted
    assert rules.count("App") >= 4
