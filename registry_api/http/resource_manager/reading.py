"""From a body of the Resource Manager contract to the document that it means, and back to the caller's own words.

What the contract has and no registry can be is handed on in the document's terms, so that the one rule about it
answers. What is unknown, or is the service's to say, is ignored: newer versions of the contract may send anything.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from registry_api.domain.problems import Code, Path, Problem, Refusal, quote, refuse, write_path
from registry_api.domain.spec import ContainerRegistryConfig

T = TypeVar("T", dict[str, Any], list[Any])

_REGIONS = ("properties", "regionDetails")
_GROUP_TAGS = "managedResourceGroupTags"
_ACCOUNT = "systemCreatedStorageAccount"
_OPTIONS = {"storage_account_type": "storageAccountType", "storage_account_hns": "storageAccountHnsEnabled"}
_PUT_ONLY = ("regionDetails", "publicNetworkAccess", "intellectualPropertyPublisher", "description")

_FREE = ("tags", _GROUP_TAGS)  # whose names are the caller's own
_NAMES: Mapping[str, str] = {
    name.lower(): name
    for name in (
        *(
            "name",
            "location",
            "properties",
            "acrDetails",
            "storageAccountDetails",
            "userCreatedStorageAccount",
            _ACCOUNT,
        ),
        *("allowBlobPublicAccess", "userCreatedAcrAccount", "systemCreatedAcrAccount", "acrAccountSku"),
        *("armResourceId", "resourceId", *_OPTIONS.values(), *_PUT_ONLY, *_FREE),
    )
}

# What messages call things, and what this door does.
_WORDS = {
    "Write storage_account_type and storage_account_hns": f"Write {_ACCOUNT} with storageAccountType",
    "Write acr_account_sku: premium": "Write systemCreatedAcrAccount with acrAccountSku: Premium",
    "replication_locations": "properties.regionDetails",
    "replication_count": "number of storageAccountDetails",
    "intellectual_property": "properties.intellectualPropertyPublisher",
    "public_network_access": "properties.publicNetworkAccess",
    **_OPTIONS,
}
_WORD = re.compile("|".join(map(re.escape, _WORDS)))


@dataclass(slots=True)
class Translation:
    """A document, and where in the body each part of it stands."""

    document: dict[str, Any] = field(default_factory=dict)
    places: dict[Path, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)  # what could not even be translated

    @contextmanager
    def in_the_callers_words(self) -> Iterator[None]:
        """Give every refusal of the document within the block the targets and words of the body."""
        try:
            yield
        except Refusal as refusal:
            raise Refusal(*map(self._retell, refusal.problems)) from None

    def put(self, path: Path, value: Any, place: Path) -> None:
        """Put a value into the document, unless it is null, which is the same as nothing."""
        self.places[path] = place
        if value is None:
            return
        inner: Any = self.document
        for step in path[:-1]:
            inner = inner.setdefault(step, {})
        inner[path[-1]] = value

    def mapping(self, value: Any, place: Path) -> dict[str, Any]:
        """Return a mapping, empty for null; anything else is a problem."""
        return self._of_type(value, place, dict, "a mapping of names to values")

    def items(self, value: Any, place: Path) -> list[Any]:
        """Return a list, empty for null; anything else is a problem."""
        return self._of_type(value, place, list, "a list")

    def _of_type(self, value: Any, place: Path, kind: type[T], told: str) -> T:
        if value is None:
            return kind()
        if isinstance(value, kind):
            return value
        self.problems.append(Problem(Code.WRONG_TYPE, f"'{write_path(place)}' must be {told}.", place))
        return kind()

    def _retell(self, problem: Problem) -> Problem:
        known = next(
            (problem.path[:end] for end in range(len(problem.path), 0, -1) if problem.path[:end] in self.places), ()
        )
        place = (*self.places.get(known, ()), *problem.path[len(known) :])
        message = problem.message.replace(f"'{problem.target}'", f"'{write_path(place)}'", 1)
        return Problem(problem.code, _WORD.sub(lambda found: _WORDS[found[0]], message), place)


def read_resource(body: object) -> Translation:
    """Return the document that a resource means.

    Raises:
        Refusal: If it cannot be translated, with every reason.
    """
    translation = Translation()
    whole = _whole(body)
    for name in ("name", "location", "tags"):
        translation.put((name,), whole.get(name), (name,))
    if isinstance(translation.document.get("tags"), dict):
        translation.document["tags"] = {key: value for key, value in whole["tags"].items() if value is not None}
    properties = translation.mapping(whole.get("properties"), ("properties",))
    _check_group_tags(translation, whole.get("tags"), properties.get(_GROUP_TAGS))
    for name, path in {
        "publicNetworkAccess": ("public_network_access",),
        "intellectualPropertyPublisher": ("intellectual_property", "publisher"),
        "description": ("description",),
    }.items():
        translation.put(path, properties.get(name), ("properties", name))
    translation.put(("replication_locations",), properties.get("regionDetails"), _REGIONS)
    if isinstance(properties.get("regionDetails"), list):
        translation.document["replication_locations"] = [
            _region(translation, region, index) for index, region in enumerate(properties["regionDetails"])
        ]
    if translation.problems:
        raise Refusal(*translation.problems)
    return translation


def read_regions(body: object) -> Translation:
    """Return the document of nothing but the regions that a resource names.

    Raises:
        Refusal: If it cannot be translated.
    """
    translation = Translation()
    properties = translation.mapping(_whole(body).get("properties"), ("properties",))
    listed = translation.items(properties.get("regionDetails"), _REGIONS)
    if translation.problems:
        raise Refusal(*translation.problems)
    if not listed:
        raise refuse(Code.MISSING_FIELD, f"'{write_path(_REGIONS)}' must name the regions to remove.", *_REGIONS)
    regions = [{"location": region.get("location")} if isinstance(region, dict) else region for region in listed]
    translation.put(("replication_locations",), regions, _REGIONS)
    return translation


def read_patch(body: object) -> dict[str, Any]:
    """Return the merge patch that a partial resource means: of its tags, the only thing that a PATCH changes.

    Raises:
        Refusal: If it names something else that is not simply ignored.
    """
    whole = _whole(body)
    translation = Translation()
    properties = translation.mapping(whole.get("properties"), ("properties",))
    _check_group_tags(translation, whole.get("tags"), properties.get(_GROUP_TAGS))
    translation.problems += (
        Problem(
            Code.UNKNOWN_FIELD,
            f"'properties.{name}' is not changed by PATCH, which changes tags; send the whole registry by PUT.",
            ("properties", name),
        )
        for name in _PUT_ONLY
        if properties.get(name) is not None
    )
    if translation.problems:
        raise Refusal(*translation.problems)
    # What it may repeat and not change is judged as the registry door judges it.
    return {field: whole[field] for field in ("tags", "location", "name") if whole.get(field) is not None}


def _check_group_tags(translation: Translation, tags: Any, given: Any) -> None:
    """Refuse tags of the managed group alone, which would be lost; beside tags they are the client's copy of them."""
    if given and tags is None:
        place = ("properties", _GROUP_TAGS)
        message = (
            f"'{write_path(place)}' are the registry's tags, which are a field of their own; write them as 'tags'."
        )
        translation.problems.append(Problem(Code.INVALID_VALUE, message, place))


def _whole(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise refuse(Code.INVALID_DOCUMENT, "The body must be a mapping of field names to values.")
    whole: dict[str, Any] = _spelled(body, ())
    return whole


def _spelled(value: Any, place: Path) -> Any:
    """Return a value with the names of properties as the contract spells them: there they have no case."""
    if isinstance(value, list):
        return [_spelled(item, (*place, index)) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    spelled: dict[str, Any] = {}
    for given, inner in value.items():
        name: str = _NAMES.get(given.lower(), given)
        if name in spelled:
            raise refuse(
                Code.INVALID_DOCUMENT, f"'{name}' is there twice, in two spellings; write it once.", *place, name
            )
        is_ours = name == _NAMES.get(name.lower()) and name not in _FREE
        spelled[name] = _spelled(inner, (*place, name)) if is_ours else inner
    return spelled


def _region(translation: Translation, region: Any, index: int) -> Any:
    """Return what a region's details mean; what is none is the document's own problem."""
    path: Path = ("replication_locations", index)
    place: Path = (*_REGIONS, index)
    if not isinstance(region, dict):
        return region
    registries = translation.items(region.get("acrDetails"), (*place, "acrDetails"))
    for number, details in enumerate(registries):
        _container_registry(translation, details, (*place, "acrDetails", number))
    accounts_place = (*place, "storageAccountDetails")
    translation.places[(*path, "storage_config")] = accounts_place
    translation.places[(*path, "storage_config", "replication_count")] = accounts_place
    meant = {"location": region["location"]} if region.get("location") is not None else {}
    accounts = translation.items(region.get("storageAccountDetails"), accounts_place)
    return meant | ({"storage_config": _storage(translation, accounts, path, accounts_place)} if accounts else {})


def _storage(translation: Translation, accounts: list[Any], path: Path, place: Path) -> Any:
    """Return the storage options that all accounts of a region have, or what cannot be taken instead of them."""
    options: dict[str, Any] = {"replication_count": len(accounts)}
    for number, details in enumerate(accounts):
        given = translation.mapping(details, (*place, number))
        if given.get("userCreatedStorageAccount") is not None:
            translation.places[(*path, "storage_config")] = (*place, number, "userCreatedStorageAccount")
            return _reference(given["userCreatedStorageAccount"])
        account_place = (*place, number, _ACCOUNT)
        account = translation.mapping(given.get(_ACCOUNT), account_place)
        for option, name in _OPTIONS.items():
            value = account.get(name)
            if value is None:
                continue
            if option in options and _folded(options[option]) != _folded(value):
                translation.problems.append(
                    Problem(
                        Code.INVALID_VALUE,
                        f"The storage accounts of a region are all alike: {name} is {quote(str(options[option]))} for "
                        f"one of them and {quote(str(value))} for another.",
                        (*account_place, name),
                    )
                )
            options.setdefault(option, value)
            translation.places.setdefault((*path, "storage_config", option), (*account_place, name))
        is_public = account.get("allowBlobPublicAccess")
        if is_public is not None and is_public is not False:
            translation.problems.append(
                Problem(
                    Code.INVALID_VALUE,
                    "Storage accounts of a registry have no public blobs; write false, or leave it out.",
                    (*account_place, "allowBlobPublicAccess"),
                )
            )
    return options


def _container_registry(translation: Translation, details: Any, place: Path) -> None:
    given = translation.mapping(details, place)
    if given.get("userCreatedAcrAccount") is not None:
        reference = _reference(given["userCreatedAcrAccount"])
        translation.put(("container_registry",), reference, (*place, "userCreatedAcrAccount"))
        return
    account_place = (*place, "systemCreatedAcrAccount")
    sku = translation.mapping(given.get("systemCreatedAcrAccount"), account_place).get("acrAccountSku")
    # There is one container registry, which every region repeats: what is not the default is to be judged.
    if sku is not None and _folded(sku) != _folded(ContainerRegistryConfig().acr_account_sku):
        path = ("container_registry", "acr_account_sku")
        if not isinstance(translation.document.get("container_registry"), str):
            translation.put(path, sku, (*account_place, "acrAccountSku"))


def _reference(account: Any) -> str:
    """Return the id of a resource of the user's own, which is a text where the service's own are mappings."""
    inner = account.get("armResourceId") if isinstance(account, Mapping) else None
    return str(inner.get("resourceId")) if isinstance(inner, Mapping) else ""


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
