"""azure-ai-ml and azure-mgmt-machinelearningservices, unchanged, against a stack that serves https."""

from typing import Any

import pytest
import yaml

from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.validation import examine
from tests.clients.conftest import DOCUMENTS, LONG, SUBSCRIPTION

pytestmark = pytest.mark.timeout(300)  # the first test waits for all scenes

Scenes = dict[str, Any]


def value_of(played: Scenes, scene: str) -> Any:
    """Return what a scene has returned."""
    assert "error" not in played[scene], played[scene]["error"]
    return played[scene]["value"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_document_that_the_client_loads_becomes_what_it_says(document: Any, played: Scenes) -> None:
    """A YAML file that azure-ai-ml takes is created, read and sent back, and is each time what it says."""
    created, read, again = value_of(played, f"document {document.name}")
    given = yaml.safe_load(document.read_text("utf-8"))
    for ignored in ("container_registry", "identity"):
        given.pop(ignored, None)
    spec = examine(given).spec

    assert created == read == again
    assert (read["name"], read["location"], read["tags"]) == (spec.name, spec.location, spec.tags)
    assert read["public_network_access"].lower() == spec.public_network_access
    assert read["publisher"] == (spec.intellectual_property.publisher if spec.intellectual_property else None)
    assert len(read["container_registries"]) == 1
    assert read["regions"] == {
        region.location: [
            region.storage_config.storage_account_hns,
            region.storage_config.storage_account_type.lower(),
            region.storage_config.replication_count,
            region.storage_config.replication_count,
        ]
        for region in spec.replication_locations
    }


def test_a_registry_lives(played: Scenes) -> None:
    """Create, list, change, add and remove a region, delete: all is there when the client says that it is done."""
    seen = value_of(played, "life")

    assert (seen["in_group"], seen["in_subscription"], seen["elsewhere"]) == (True, True, [])
    assert seen["extended"]["tags"] == {"team": "ml"}
    assert seen["extended"]["public_network_access"] == "Disabled"
    assert [*seen["extended"]["regions"]] == ["eastus", "westus"]
    kind, text = seen["reduced_by_put"]
    assert kind == "HttpResponseError"
    assert "(RegionRemovalNotAllowed)" in text
    assert "removeRegions" in text
    assert seen["reduced"] == ["eastus"]
    assert seen["then"] == seen["extended"] | {"regions": {"eastus": seen["extended"]["regions"]["eastus"]}}
    assert (seen["deleted"], seen["deleted_again"]) == (None, None)
    assert seen["gone"][0] == "ResourceNotFoundError"
    assert seen["name_is_free"] == "westus"


def test_the_management_client_does_the_same(played: Scenes) -> None:
    """Its models go there and back, a change of tags is read at once, and errors are those that it knows."""
    seen = value_of(played, "management")

    assert seen["accounts"] == ["Premium_LRS", "Premium_LRS"]
    assert seen["patched"] == seen["then"] == {"a": "b", "x": "y"}
    assert seen["again"] is True
    assert seen["listed"] == [True, True]
    assert (seen["primary"][0], "(PrimaryLocationImmutable)" in seen["primary"][1]) == ("ResourceExistsError", True)
    assert seen["deleted"] is None
    assert seen["gone"][0] == "ResourceNotFoundError"


@pytest.mark.parametrize(
    ("scene", "kind", "text"),
    [
        ("not_found", "ResourceNotFoundError", "(RegistryNotFound) There is no registry named 'nobody'."),
        ("unknown_region", "HttpResponseError", "'eastsu' is not an Azure region. Did you mean 'eastus'"),
        ("bad_name", "HttpResponseError", "(InvalidRegistryName)"),
        ("user_owned", "HttpResponseError", "Write systemCreatedStorageAccount with storageAccountType"),
        ("user_owned", "HttpResponseError", "Target: properties.regionDetails[0].acrDetails[0].userCreatedAcrAccount"),
        ("taken", "HttpResponseError", "(RegistryNameTaken)"),
        ("reader_creates", "HttpResponseError", "(AuthorizationFailed)"),
        ("reader_deletes", "HttpResponseError", "action 'Microsoft.MachineLearningServices/registries/delete'"),
        ("reader_lists_elsewhere", "HttpResponseError", "(AuthorizationFailed)"),
        ("stranger", "HttpResponseError", "(AuthorizationFailed)"),
        ("forged", "ClientAuthenticationError", "(Unauthenticated)"),
        ("old_version", "HttpResponseError", "(InvalidApiVersionParameter)"),
        ("bad_subscription", "HttpResponseError", "(InvalidSubscriptionId)"),
        ("protected", "ResourceExistsError", "(DeletionProtected)"),
    ],
)
def test_refusals_are_shown_with_their_reason(scene: str, kind: str, text: str, played: Scenes) -> None:
    """Whatever is refused, the client raises the error that fits and shows code, message and target."""
    shown = value_of(played, "refusals")[scene]

    assert shown[0] == kind
    assert text in shown[1]


def test_a_reader_reads_and_what_the_contract_has_no_words_for_stays(played: Scenes) -> None:
    """Who may read does; a client that sends a registry back leaves its description and protection as they were."""
    seen = value_of(played, "refusals")

    assert seen["reader_reads"] == "refusals"
    assert seen["kept"] == {"description": "kept", "deletion_protection": True, "tags": {"seen": "true"}}


def test_operations_that_end_badly_are_raised(played: Scenes) -> None:
    """An operation that has failed or was canceled ends the client's waiting with the true cause."""
    seen = value_of(played, "failures")

    assert seen["failed"][0] == "HttpResponseError"
    assert "(ProvisioningFailed)" in seen["failed"][1]
    assert "cannot be read" in seen["failed"][1]
    assert seen["can_be_read"] == "failures"
    assert seen["canceled"][0] == "HttpResponseError"
    assert "(OperationCanceled) Canceled by ada@contoso.com." in seen["canceled"][1]


def test_long_lists_are_followed(played: Scenes) -> None:
    """The client finds every registry of a list of several pages, once."""
    assert value_of(played, "pages") == [LONG, LONG]


def test_a_client_for_assets_finds_its_registry(played: Scenes) -> None:
    """`MLClient(registry_name=...)` learns by discovery where the registry is."""
    assert value_of(played, "discovery") == [SUBSCRIPTION, "ml", "discovered"]


def test_no_state_of_a_registry_breaks_a_client(played: Scenes) -> None:
    """Whatever has happened to a registry, both clients understand its body, its operation, lists and all errors."""
    states, statuses, faults = value_of(played, "bodies")

    assert states == sorted(ProvisioningState)
    assert statuses == ["Canceled", "Failed", "InProgress", "Succeeded"]
    assert faults == []
