"""Changes that leave things out: what stays then, and that only a removal takes regions away."""

from typing import Any

import pytest

from registry_api.domain import lifecycle
from registry_api.domain.admission import admit_amendment, admit_removal
from registry_api.domain.completion import complete
from registry_api.domain.problems import Refusal
from registry_api.domain.provisioning_state import ProvisioningState
from registry_api.domain.registry import Registry
from registry_api.domain.spec import RegistrySpec
from registry_api.domain.validation import examine, examine_regions
from tests.domain.registries import NOW, SCOPE, acceptance, succeeded

ZRS = {"storage_account_hns": True, "storage_account_type": "Standard_ZRS", "replication_count": 2}
STORED = {
    "name": "Demo1",
    "location": "eastus",
    "description": "for all",
    "tags": {"a": "b"},
    "replication_locations": [{"location": "eastus", "storage_config": ZRS}, {"location": "westus"}],
    "public_network_access": "disabled",
    "deletion_protection": True,
    "paused": True,
}


def stored() -> Registry:
    """Return a registry in eastus, with two accounts of other than the default options there, and westus."""
    return lifecycle.create(examine(STORED).spec, SCOPE, acceptance(1))


def amended(**document: Any) -> RegistrySpec | None:
    """Return what a document makes of the registry."""
    registry = stored()
    return admit_amendment(registry, examine(complete(document, registry), "Demo1"))


def refused(**document: Any) -> list[tuple[str, str | None]]:
    """Return code and target of everything that speaks against a document."""
    with pytest.raises(Refusal) as caught:
        amended(**document)
    return [(problem.code.value, problem.target) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "regions",
    [
        {},
        {"replication_locations": None},
        {"replication_locations": [{"location": "West US"}, {"location": "East US"}]},
        {"replication_locations": [{"location": "eastus", "storage_config": None}, {"location": "westus"}]},
        {
            "replication_locations": [
                {"location": "eastus", "storage_config": {"storage_account_type": "standard_zrs"}},
                {"location": "westus", "storage_config": {"replication_count": 1, "storage_account_hns": None}},
            ]
        },
    ],
)
def test_what_is_left_out_stays(regions: dict[str, Any]) -> None:
    """Regions that are not named at all, and storage options that are not given, are as they are stored."""
    said = {"location": "eastus", "tags": {"a": "b"}, "public_network_access": "disabled"}

    assert amended(**said, **regions) is None


def test_what_can_be_said_and_is_not_gets_its_default() -> None:
    """A document is a whole: tags and network access that it does not have are none, and the default."""
    after = amended(location="eastus")

    assert after is not None
    assert (after.tags, after.public_network_access) == ({}, "enabled")
    assert (after.description, after.deletion_protection, after.paused) == ("for all", True, True)


def test_what_is_said_counts() -> None:
    """A description that is given takes the place of the stored one, and a new region has the default options."""
    regions = [{"location": name} for name in ("eastus", "westus", "eastus2")]
    after = amended(location="eastus", description="for some", replication_locations=regions)

    assert after is not None
    assert after.description == "for some"
    assert after.region_names == ("eastus", "eastus2", "westus")
    assert [region.storage_config.replication_count for region in after.replication_locations] == [2, 1, 1]


def test_a_region_on_its_way_out_comes_back_as_it_was() -> None:
    """A region that is still being removed is added again with the options that its accounts have."""
    registry = stored()
    spec = admit_removal(registry, examine_regions([{"location": "westus"}]))
    assert spec is not None
    leaving = lifecycle.update(registry, spec, acceptance(2))
    document = {"location": "eastus", "replication_locations": [{"location": "eastus"}, {"location": "westus"}]}
    after = admit_amendment(leaving, examine(complete(document, leaving), "Demo1"))

    assert after is not None
    assert after.replication_locations == registry.spec.replication_locations


def test_no_region_is_left_out() -> None:
    """Every region that is left out is told, beside everything else; the primary one is told as what it is."""
    removal, primary = ("RegionRemovalNotAllowed", "replication_locations"), "PrimaryLocationImmutable"

    assert refused(location="eastus", replication_locations=[{"location": "eastus"}]) == [removal]
    assert refused(location="eastus", replication_locations=[{"location": "westus"}]) == [
        (primary, "replication_locations")
    ]
    assert refused(location="westus", replication_locations=[{"location": "eastus"}], foo=1) == [
        ("UnknownField", "foo"),
        (primary, "location"),
        removal,
    ]
    # Where a region cannot be read, it may be the one that seems to be missing.
    assert refused(location="eastus", replication_locations=[{"location": "eastus"}, {"location": "westsu"}]) == [
        ("UnknownLocation", "replication_locations[1].location")
    ]
    assert refused(location="eastus", replication_locations=[7]) == [("WrongType", "replication_locations[0]")]
    assert refused(location="eastus", replication_locations=7) == [("WrongType", "replication_locations")]
    assert refused(location="eastus", replication_locations=[{"location": 7}]) == [
        ("WrongType", "replication_locations[0].location")
    ]


def test_options_of_a_region_do_not_change() -> None:
    """An option that is given and is not the stored one is refused, also the number of accounts."""
    for options in ({"replication_count": 1}, {"storage_account_type": "Standard_LRS"}, {"storage_account_hns": False}):
        regions = [{"location": "eastus", "storage_config": options}, {"location": "westus"}]
        assert refused(location="eastus", replication_locations=regions) == [
            ("StorageConfigImmutable", "replication_locations[0].storage_config")
        ]
    reference = [{"location": "eastus", "storage_config": "/a/storage/account"}, {"location": "westus"}]
    assert refused(location="eastus", replication_locations=reference) == [
        ("UserOwnedResourceNotSupported", "replication_locations[0].storage_config")
    ]


def test_a_removal_takes_away_what_is_named() -> None:
    """Regions go, whatever their spelling; those that are not there are gone already; the primary one stays."""
    registry = succeeded("eastus", "westus", "eastus2")
    after = admit_removal(registry, examine_regions([{"location": "West US"}, {"location": "northeurope"}]))

    assert after is not None
    assert after.region_names == ("eastus", "eastus2")
    assert admit_removal(registry, examine_regions([{"location": "northeurope"}])) is None
    with pytest.raises(Refusal) as caught:
        admit_removal(registry, examine_regions([{"location": "westus"}, {"location": "eastus"}]))
    assert [(problem.code.value, problem.target) for problem in caught.value.problems] == [
        ("PrimaryLocationImmutable", "replication_locations[1].location")
    ]


def test_a_removal_that_has_failed_is_tried_again() -> None:
    """The same removal again, after its operation has ended badly, starts the work anew."""
    registry = lifecycle.cancel(stored(), acceptance(2).caller, NOW)

    assert registry.state is ProvisioningState.CANCELED
    assert admit_removal(registry, examine_regions([{"location": "northeurope"}])) == registry.spec


def test_nothing_is_removed_from_what_is_being_deleted() -> None:
    """A registry on its way out takes no more requests."""
    with pytest.raises(Refusal) as caught:
        admit_removal(lifecycle.delete(stored(), acceptance(2)), examine_regions([{"location": "westus"}]))
    assert caught.value.problems[0].code == "RegistryBeingDeleted"
