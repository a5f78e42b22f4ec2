"""Show everything that the API does, and check every bit of it, on the stack at PORT or on one of its own."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Literal

import httpx
import yaml
from rich.console import Console

from devstack import cloud
from devstack.checks import CannotGoOn, Checks
from devstack.child import ROOT, Child
from devstack.client import JSON, ApiClient
from devstack.interruption import Interruption
from devstack.settings import StackSettings
from devstack.stack import is_healthy
from registry_api.provisioning.oci import blob_name, digest_of

_EXAMPLE = ROOT / "examples" / "registry.yml"
_ADDED = "northeurope"
_REMOVED = "westus"
_STACK_READY_WITHIN = 90.0

Document = dict[str, Any]


def run_demo(settings: StackSettings, interruption: Interruption) -> int:
    """Run the demo and return its exit code: 0 if everything was as expected.

    Raises:
        StackError: If a stack of its own cannot be started.
        Interrupted: If it is to end.
    """
    console = Console(highlight=False, markup=False)
    checks = Checks(console)
    with (
        _running_stack(settings, console, interruption),
        closing(ApiClient(settings.api_url, console, interruption.pause, settings.certificate)) as api,
    ):
        try:
            Demo(api, checks, console).run()
        except CannotGoOn:
            console.print("\nWhat follows depends on this: the demo ends here.")
        except httpx.HTTPError as error:
            checks.equal("the API answers", "yes", f"{type(error).__name__}: {error}")
    console.print(f"\n{checks.passed} checks passed, {checks.failed} failed.")
    return 1 if checks.failed else 0


@contextmanager
def _running_stack(settings: StackSettings, console: Console, interruption: Interruption) -> Iterator[None]:
    if is_healthy(settings):
        console.print(f"Using the API that runs at {settings.api_url}.", soft_wrap=True)
        yield
        return
    console.print(f"Starting an API at {settings.api_url} for the demo...", soft_wrap=True)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    log = settings.data_dir / "demo.log"
    with Child.start("The stack", "devstack", "start", environment={}, log=log) as stack:
        stack.wait_until(lambda: is_healthy(settings), interruption.pause, _STACK_READY_WITHIN)
        yield


class Demo:
    """Walks through the life of two registries; their names are new each time.

    Args:
        api: The API.
        checks: Told what is expected.
        console: Where headings and findings go.
    """

    def __init__(self, api: ApiClient, checks: Checks, console: Console) -> None:
        self._api = api
        self._checks = checks
        self._console = console
        self._document: Document = yaml.safe_load(_EXAMPLE.read_text("utf-8"))
        self._name = f"Demo-{secrets.token_hex(4)}"
        self._document["name"] = self._name

    def run(self) -> None:
        """Run all parts in order, and leave nothing behind.

        Raises:
            CannotGoOn: If something is missing that the rest needs.
            httpx.HTTPError: If the API does not answer.
        """
        with ExitStack() as cleaning:
            cleaning.callback(self._api.delete, self._name)
            self._create()
            self._fill()
            self._add_region()
            self._remove_region()
            self._refuse_another_primary()
            self._refuse_what_is_wrong()
            other = f"{self._name}-json"
            cleaning.callback(self._api.delete, other)
            self._create_from_json(other)
            self._list(other)
            self._delete(other)
            self._delete(self._name)

    def _create(self) -> None:
        self._title("Create a registry from YAML")
        text = _EXAMPLE.read_text("utf-8").replace("DemoRegistry1", self._name)
        response = self._api.put(self._name, text)
        self._checks.require("PUT of a new registry", 201, response.status_code)
        etag = response.json()["etag"]
        self._checks.equal("its ETag is the resource's", etag, response.headers.get("etag"))
        self._converge(response)
        for region in self._read()["status"]["regions"]:
            self._look_for(region, "there")
        again = self._api.put(self._name, text)
        self._checks.equal("PUT of the same once more", 200, again.status_code)
        self._checks.equal("its ETag has not changed", etag, again.headers.get("etag"))
        self._checks.equal("it starts no operation", None, again.headers.get("operation-location"))

    def _fill(self) -> None:
        self._title("Push an artifact to its container registry")
        home = self._read()["status"]["container_registry"]["id"]
        digest = cloud.push(home, "model:1", [b"weights " * 4096, secrets.token_bytes(2048)])
        found = cloud.content(home)
        self._checks.equal("the manifest is in the home region", digest, found.get(blob_name(digest)))
        others = [name for name, bytes_digest in found.items() if name != blob_name(bytes_digest)]
        self._checks.equal("blobs there that are not what their digest says", 0, len(others))

    def _add_region(self) -> None:
        self._title(f"Add {_ADDED}")
        before = self._read()["etag"]
        self._document["replication_locations"].append({"location": _ADDED})
        response = self._put()
        self._checks.require("PUT with one more region", 200, response.status_code)
        self._checks.equal("the ETag is another one", "yes", "yes" if response.headers.get("etag") != before else "no")
        self._converge(response)
        status = self._read()["status"]
        self._look_for(_region(status, _ADDED), "there")
        home = _fingerprint(status["container_registry"]["id"])
        for name in _locations(self._document)[1:]:
            copy = _fingerprint(_region(status, name)["container_registry_replica"]["id"])
            self._checks.equal(f"{name}: the container registry has what the home region has", home, copy)

    def _remove_region(self) -> None:
        self._title(f"Remove {_REMOVED}")
        region = _region(self._read()["status"], _REMOVED)
        regions = self._document["replication_locations"]
        self._document["replication_locations"] = [item for item in regions if item["location"] != _REMOVED]
        response = self._put()
        self._checks.require("PUT with one region less", 200, response.status_code)
        self._converge(response)
        self._look_for(region, "gone")
        names = [item["location"] for item in self._read()["status"]["regions"]]
        self._checks.equal("the regions that are left", _locations(self._document), names)

    def _refuse_another_primary(self) -> None:
        self._title("Refuse another primary region")
        before = self._read()
        response = self._put(self._document | {"location": "eastus2"})
        self._checks.require("PUT with another location", 409, response.status_code)
        self._checks.equal("its code", "PrimaryLocationImmutable", _codes(response))
        self._console.print(f"       {response.json()['error']['message']}", soft_wrap=True)
        self._checks.equal("the ETag afterwards is the one before", before["etag"], self._read()["etag"])

    def _refuse_what_is_wrong(self) -> None:
        self._title("Refuse a document with several problems")
        name = f"{self._name}-bad"
        text = f"name: {name}\nlocation: eastus\nlocatoin: eastus\nreplication_locations:\n" + "".join(
            f"  - location: {region}\n" for region in ("eastus", "eastsu", "East US")
        )
        response = self._api.put(name, text)
        self._checks.require("PUT of it", 400, response.status_code)
        self._checks.equal("its problems", "DuplicateLocation UnknownField UnknownLocation", _codes(response))
        for problem in response.json()["error"].get("details", []):
            self._console.print(f"       line {problem.get('line')}: {problem['message']}", soft_wrap=True)
        self._checks.equal("GET of it", 404, self._api.get(f"/registries/{name}").status_code)

    def _create_from_json(self, name: str) -> None:
        self._title("Create another registry from JSON")
        response = self._api.put(name, json.dumps(self._document | {"name": name}), JSON)
        self._checks.require("PUT of a new registry", 201, response.status_code)
        self._converge(response)

    def _list(self, other: str) -> None:
        self._title("List")
        names = {registry["name"] for registry in self._all_registries()}
        self._checks.equal("both are listed", "yes", "yes" if {self._name, other} <= names else "no")

    def _delete(self, name: str) -> None:
        self._title(f"Delete {name}")
        status = self._read(name)["status"]
        response = self._api.delete(name)
        self._checks.require("DELETE", 202, response.status_code)
        self._converge(response)
        self._checks.equal("GET of it", 404, self._api.get(f"/registries/{name}").status_code)
        operation = self._api.get(response.headers["operation-location"])
        self._checks.equal("its operation is still there", "Succeeded", operation.json().get("status"))
        for region in status["regions"]:
            self._look_for(region, "gone")
        events = self._api.get(f"/registries/{name}/events").json().get("value", [])
        for event in events:
            self._console.print(f"       {event['time']} {event['type']} by {event['actor']}", soft_wrap=True)
        told = [event["type"] for event in events[:2]]
        self._checks.equal("what happened is still told", ["OperationSucceeded", "RequestAccepted"], told)

    def _converge(self, accepted: httpx.Response) -> None:
        """Follow an operation that was accepted to the end."""
        location = accepted.headers.get("operation-location", "")
        self._checks.require("it can be followed", "yes", "yes" if location.startswith("http") else "no")
        self._console.print(f"       {location}", soft_wrap=True)
        operation = self._api.follow(accepted)
        self._checks.require("the operation ends", "Succeeded", operation["status"])

    def _look_for(self, region: Mapping[str, Any], expected: Literal["there", "gone"]) -> None:
        """Look whether Azurite has what a region is said to have."""
        for what, url in _containers(region).items():
            presence = "there" if cloud.exists(url) else "gone"
            self._checks.equal(f"{region['location']}: {what} at {url}", expected, presence)

    def _read(self, name: str | None = None) -> Document:
        response = self._api.get(f"/registries/{name or self._name}").raise_for_status()
        registry: Document = response.json()
        return registry

    def _put(self, document: Document | None = None) -> httpx.Response:
        return self._api.put(self._name, yaml.safe_dump(document or self._document, sort_keys=False))

    def _all_registries(self) -> Iterator[Document]:
        address: str | None = "/registries?top=100"
        while address is not None:
            page = self._api.get(address).raise_for_status().json()
            yield from page["value"]
            address = page.get("next_link")

    def _title(self, text: str) -> None:
        self._console.print(f"\n{text}", style="bold")


def _locations(document: Document) -> list[str]:
    return [region["location"] for region in document["replication_locations"]]


def _containers(region: Mapping[str, Any]) -> dict[str, str]:
    """Return the address of everything that a region has, by what it is."""
    accounts = {f"container of account {account['account']}": account["id"] for account in region["storage_accounts"]}
    return {**accounts, "container registry": region["container_registry_replica"]["id"]}


def _region(status: Mapping[str, Any], name: str) -> Document:
    (region,) = (region for region in status["regions"] if region["location"] == name)
    return dict(region)


def _fingerprint(url: str) -> str:
    """Describe the image layout at an address by every byte of it."""
    found = cloud.content(url)
    return f"{len(found)} blobs, together {digest_of(json.dumps(found, sort_keys=True).encode())}"


def _codes(response: httpx.Response) -> str:
    """Return the codes of all problems, in alphabetical order."""
    error = response.json()["error"]
    return " ".join(sorted(problem["code"] for problem in error.get("details", [error])))
