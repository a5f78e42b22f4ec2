"""Plays scenes with the official clients against a running app; run by their own environment's Python.

    python official.py SETTINGS RESULTS

Both are JSON files: where the app is and who calls it, and what every scene returned or raised. One process plays
them all, side by side, because importing azure-ai-ml takes seconds and every operation a poll or two.
"""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

_settings_path, _results_path = map(Path, sys.argv[1:])
SETTINGS = json.loads(_settings_path.read_text("utf-8"))
URL, SUBSCRIPTION, GROUP = SETTINGS["url"], SETTINGS["subscription"], "ml"
os.environ["REQUESTS_CA_BUNDLE"] = SETTINGS["certificate"]
os.environ["ARM_CLOUD_METADATA_URL"] = f"{URL}/metadata/endpoints?api-version=2019-05-01"
os.environ["REGISTRY_DISCOVERY_ENDPOINT_URL"] = f"{URL}/"
os.environ["SSL_CERT_FILE"] = SETTINGS["certificate"]

from azure.ai.ml import MLClient, load_registry  # noqa: E402 - the environment has to be set before
from azure.ai.ml._restclient.arm_ml_service.models import Registry as RestRegistry  # noqa: E402 - the same
from azure.ai.ml.entities import Registry, RegistryRegionDetails  # noqa: E402 - the same
from azure.ai.ml.entities._registry.registry_support_classes import (  # noqa: E402 - the same
    SystemCreatedStorageAccount,
)
from azure.core.credentials import AccessToken  # noqa: E402 - the same
from azure.core.polling import base_polling  # noqa: E402 - the same
from azure.mgmt.core.exceptions import ARMErrorFormat  # noqa: E402 - the same
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient, models  # noqa: E402 - the same
from azure.storage.blob import BlobClient  # noqa: E402 - the same

SCENES: dict[str, Callable[[], Any]] = {}


class Credential:
    """Gives the token that the test has made for somebody."""

    def __init__(self, who: str) -> None:
        self._token = SETTINGS["tokens"][who]

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return the token, whatever it is asked for."""
        del scopes, options
        return AccessToken(self._token, int(time.time()) + 3600)


def ml_client(who: str = "owner", group: str = GROUP, subscription: str = SUBSCRIPTION) -> MLClient:
    """Return azure-ai-ml's client."""
    return MLClient(Credential(who), subscription, group, polling_interval=1)


def mgmt_client(who: str = "owner") -> MachineLearningServicesMgmtClient:
    """Return azure-mgmt-machinelearningservices' client."""
    return MachineLearningServicesMgmtClient(
        Credential(who), SUBSCRIPTION, base_url=URL, credential_scopes=[f"{URL}/.default"], polling_interval=1
    )


def scene(play: Callable[[], Any]) -> Callable[[], Any]:
    """Play a function, by its name."""
    SCENES[play.__name__] = play
    return play


def ask(method: str, path: str, body: str | None = None) -> Any:
    """Ask the registry door."""
    request = urllib.request.Request(f"{URL}/{path}", method=method, data=body.encode() if body else b"")  # noqa: S310
    request.add_header("authorization", f"Bearer {SETTINGS['tokens']['owner']}")
    request.add_header("content-type", "application/json" if method != "PATCH" else "application/merge-patch+json")
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - https, to the app under test
        return json.loads(answer.read())


def told(registry: Registry) -> dict[str, Any]:
    """Return what a client has understood of a registry."""
    return {
        "name": registry.name,
        "location": registry.location,
        "tags": registry.tags,
        "public_network_access": registry.public_network_access,
        "publisher": registry.intellectual_property.publisher if registry.intellectual_property else None,
        "regions": {
            region.location: [
                region.storage_config.storage_account_hns,
                region.storage_config.storage_account_type.lower(),
                region.storage_config.replication_count,
                len(region.storage_config.replicated_ids or [region.storage_config.arm_resource_id]),
            ]
            for region in registry.replication_locations
        },
        "container_registries": sorted(
            {each.arm_resource_id for region in registry.replication_locations for each in region.acr_config}
        ),
    }


def new(name: str, location: str = "eastus", *others: str, ml: MLClient | None = None) -> Registry:
    """Create a registry with azure-ai-ml and wait for it."""
    regions = [RegistryRegionDetails(location=each, storage_config=_storage()) for each in (location, *others)]
    registry = Registry(name=name, location=location, replication_locations=regions)
    return (ml or ml_client()).registries.begin_create(registry).result()


def _storage() -> SystemCreatedStorageAccount:
    return SystemCreatedStorageAccount(storage_account_hns=False, storage_account_type="standard_lrs")


def failure_of(call: Callable[[], Any]) -> list[str]:
    """Return the kind and the text of the error that a call raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever the client shows is to be looked at
        return [type(error).__name__, str(error)]
    return ["nothing", ""]


def _document(file: str) -> Callable[[], Any]:
    def play() -> Any:
        ml, registry = ml_client(), load_registry(file)
        created = ml.registries.begin_create(registry).result()
        read = ml.registries.get(registry.name)
        again = ml.registries.begin_create(read).result()  # what `az ml registry update` does
        return [told(created), told(read), told(again)]

    return play


for _file in SETTINGS["documents"]:
    SCENES[f"document {Path(_file).name}"] = _document(_file)


@scene
def life() -> Any:
    """Create, find, change, extend, reduce and delete a registry, and take its name again."""
    ml, mgmt = ml_client(), mgmt_client()
    seen: dict[str, Any] = {}
    new("life", "eastus", ml=ml)
    seen["in_group"] = "life" in [registry.name for registry in ml.registries.list()]
    seen["in_subscription"] = "life" in [registry.name for registry in ml.registries.list(scope="subscription")]
    seen["elsewhere"] = [registry.name for registry in ml_client(group="other").registries.list()]
    registry = ml.registries.get("life")
    registry.tags["team"] = "ml"
    registry.public_network_access = "Disabled"
    ml.registries.begin_create(registry).result()
    registry = ml.registries.get("LIFE")
    registry.replication_locations.append(RegistryRegionDetails(location="West US", storage_config=_storage()))
    seen["extended"] = told(ml.registries.begin_create(registry).result())
    smaller = ml.registries.get("life")
    del smaller.replication_locations[1]
    seen["reduced_by_put"] = failure_of(lambda: ml.registries.begin_create(smaller).result())
    body = {"location": "eastus", "properties": {"regionDetails": [{"location": "westus"}]}}
    removed = mgmt.registries.begin_remove_regions(GROUP, "life", body).result()
    seen["reduced"] = [region.location for region in removed.region_details]
    seen["then"] = told(ml.registries.get("life"))
    seen["deleted"] = ml.registries.begin_delete(name="life").result()
    seen["gone"] = failure_of(lambda: ml.registries.get("life"))
    seen["deleted_again"] = ml.registries.begin_delete(name="life").result()
    seen["name_is_free"] = told(new("life", "westus", ml=ml))["location"]
    return seen


@scene
def management() -> Any:
    """Do the same with azure-mgmt-machinelearningservices and its own models."""
    mgmt = mgmt_client()
    seen: dict[str, Any] = {}
    account = models.SystemCreatedStorageAccount(storage_account_type="Premium_LRS", storage_account_hns_enabled=False)
    regions = [
        models.RegistryRegionArmDetails(
            location=location,
            storage_account_details=[models.StorageAccountDetails(system_created_storage_account=account)],
        )
        for location in ("eastus", "westus")
    ]
    registry = models.Registry(location="eastus", tags={"a": "b"}, region_details=regions)
    created = mgmt.registries.begin_create_or_update(GROUP, "management", registry).result()
    seen["accounts"] = [
        details.system_created_storage_account.storage_account_type
        for region in created.region_details
        for details in region.storage_account_details
    ]
    seen["patched"] = mgmt.registries.update(GROUP, "management", {"tags": {"x": "y"}}).tags
    seen["then"] = mgmt.registries.get(GROUP, "management").tags
    created = mgmt.registries.get(GROUP, "management")
    seen["again"] = (
        mgmt.registries.begin_create_or_update(GROUP, "management", created).result().as_dict() == created.as_dict()
    )
    seen["listed"] = [
        "management" in [each.name for each in mgmt.registries.list(GROUP)],
        "management" in [each.name for each in mgmt.registries.list_by_subscription()],
    ]
    body = models.Registry(location="eastus", region_details=[models.RegistryRegionArmDetails(location="eastus")])
    seen["primary"] = failure_of(lambda: mgmt.registries.begin_remove_regions(GROUP, "management", body).result())
    seen["deleted"] = mgmt.registries.begin_delete(GROUP, "management").result()
    seen["gone"] = failure_of(lambda: mgmt.registries.get(GROUP, "management"))
    return seen


@scene
def refusals() -> Any:
    """See how the clients show what the service refuses."""
    ml, mgmt = ml_client(), mgmt_client()
    seen: dict[str, Any] = {}
    new("refusals", ml=ml)
    seen["not_found"] = failure_of(lambda: ml.registries.get("nobody"))
    seen["unknown_region"] = failure_of(lambda: new("refused", "eastsu", ml=ml))
    seen["bad_name"] = failure_of(lambda: new("-", ml=ml))
    seen["user_owned"] = failure_of(lambda: ml.registries.begin_create(load_registry(SETTINGS["user_owned"])))
    seen["taken"] = failure_of(lambda: new("refusals", ml=ml_client(group="other")))
    seen["reader_creates"] = failure_of(lambda: new("reader", ml=ml_client("reader")))
    seen["reader_deletes"] = failure_of(lambda: ml_client("reader").registries.begin_delete(name="refusals"))
    seen["reader_reads"] = ml_client("reader").registries.get("refusals").name
    seen["reader_lists_elsewhere"] = failure_of(lambda: [*ml_client("reader", "other").registries.list()])
    seen["stranger"] = failure_of(lambda: ml_client("stranger").registries.get("refusals"))
    seen["forged"] = failure_of(lambda: ml_client("forged").registries.get("refusals"))
    seen["old_version"] = failure_of(lambda: mgmt.registries.get(GROUP, "refusals", api_version="2020-08-01"))
    seen["bad_subscription"] = failure_of(lambda: ml_client(subscription="mine").registries.get("refusals"))
    ask("PATCH", "registries/refusals", '{"deletion_protection": true, "description": "kept"}')
    seen["protected"] = failure_of(lambda: ml.registries.begin_delete(name="refusals").result())
    registry = ml.registries.get("refusals")
    registry.tags["seen"] = "true"
    ml.registries.begin_create(registry).result()
    kept = ask("GET", "registries/refusals")
    seen["kept"] = {field: kept[field] for field in ("description", "deletion_protection", "tags")}
    return seen


@scene
def failures() -> Any:
    """Let an operation fail for good, and another one be canceled."""
    ml = ml_client()
    seen: dict[str, Any] = {}
    new("failures", ml=ml)
    home = ask("GET", "registries/failures")["status"]["container_registry"]["id"]
    with BlobClient.from_blob_url(f"{home}/index.json", credential=SETTINGS["storage_key"]) as index:
        index.upload_blob(b"{", overwrite=True)
    registry = ml.registries.get("failures")
    registry.replication_locations.append(RegistryRegionDetails(location="westus", storage_config=_storage()))
    seen["failed"] = failure_of(lambda: ml.registries.begin_create(registry).result())
    seen["can_be_read"] = told(ml.registries.get("failures"))["name"]
    down = Registry(
        name="canceled",
        location=SETTINGS["region_down"],
        replication_locations=[RegistryRegionDetails(location=SETTINGS["region_down"], storage_config=_storage())],
    )
    poller = ml.registries.begin_create(down)
    operation = ask("GET", "registries/canceled")["status"]["operation"].removeprefix("/api/")
    ask("POST", f"{operation}/cancel")
    seen["canceled"] = failure_of(poller.result)
    return seen


@scene
def pages() -> Any:
    """Follow the pages of a long list."""
    ml = ml_client(subscription=SETTINGS["long_subscription"])
    return [
        [registry.name for registry in ml.registries.list()],
        [registry.name for registry in ml.registries.list(scope="subscription")],
    ]


@scene
def discovery() -> Any:
    """Build a client for a registry's assets from nothing but the registry's name."""
    new("discovered", "westus")
    client = MLClient(Credential("owner"), registry_name="discovered")
    return [client.subscription_id, client.resource_group_name, client._operation_scope.registry_name]


@scene
def bodies() -> Any:
    """Hand every body that the test has made to both clients' deserialisers; return what went wrong."""
    found = json.loads(Path(SETTINGS["bodies"]).read_text("utf-8"))
    understanding: dict[str, list[Callable[[Any], Any]]] = {
        "registries": [
            lambda body: Registry._from_rest_object(RestRegistry._deserialize(body, []))._to_dict(),
            lambda body: models.Registry.deserialize(body).as_dict(),
        ],
        "lists": [
            lambda body: [RestRegistry._deserialize(one, []) for one in body["value"]],
            lambda body: models.RegistryTrackedResourceArmPaginatedResult.deserialize(body).as_dict(),
        ],
        "operations": [_followed],
        "errors": [_raised, lambda body: models.ErrorResponse.deserialize(body).as_dict()],
    }
    faults = []
    for kind, ways in understanding.items():
        for number, body in enumerate(found[kind]):
            for understand in ways:
                failure = failure_of(partial(understand, body))
                if failure[0] != "nothing":
                    faults.append([kind, number, *failure])
    states = sorted({body["properties"]["provisioningState"] for body in found["registries"]})
    return [states, sorted({body["status"] for body in found["operations"]}), faults]


def _followed(body: Any) -> None:
    """Read an operation as the poller of azure-core does."""
    is_over = base_polling._finished(body["status"])  # type: ignore[no-untyped-call]
    if not is_over and body["status"] != "InProgress":
        raise ValueError(f"The poller would wait for ever: {body['status']}")
    if base_polling._failed(body["status"]):  # type: ignore[no-untyped-call]
        _raised(body)


def _raised(body: Any) -> None:
    """Read an error as the clients' exceptions do."""
    error = ARMErrorFormat(body["error"])
    if (error.code, error.message) != (body["error"]["code"], body["error"]["message"]):
        raise ValueError(f"Understood otherwise: {error}")
    if len(error.details) != len(body["error"].get("details", [])):
        raise ValueError(f"Understood in part: {error}")


def _play(play: Callable[[], Any]) -> Any:
    try:
        return {"value": play()}
    except Exception as error:  # noqa: BLE001 - the test tells
        return {"error": f"{type(error).__name__}: {error}"}


with ThreadPoolExecutor(len(SCENES)) as _pool:
    _played = dict(zip(SCENES, _pool.map(_play, SCENES.values()), strict=True))
_results_path.write_text(json.dumps(_played, default=str), "utf-8")
