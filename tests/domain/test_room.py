"""What findings may take of a registry's row."""

from registry_api.domain.resources import Failure, Kind, Resource
from registry_api.domain.room import fitted

FEW, MANY = 10, 1000


def resources(count: int, text: str) -> list[Resource]:
    """Return resources that have failed, and of which something is known, with the same words."""
    failure = Failure(code="Busy", message=text)
    return [
        Resource(
            kind=Kind.REPLICA, region="eastus", ordinal=n, name="x", failure=failure, details={"id": text, "n": "1"}
        )
        for n in range(count)
    ]


def test_what_fits_stays_as_it_is() -> None:
    """Long messages of a few resources are told whole."""
    known = resources(FEW, "x" * 300)
    assert fitted(known) == (*known,)


def test_what_does_not_fit_is_cut_to_equal_shares() -> None:
    """Of many resources long texts are cut, and short ones, codes and resources without a failure stay."""
    known = [*resources(MANY, '"' * 300), Resource(kind=Kind.REPLICA, region="westus", name="x")]
    *cut, untouched = fitted(known)
    assert untouched == known[-1]
    first = cut[0]
    assert first.failure is not None
    assert (first.failure.code, first.details["n"]) == ("Busy", "1")
    share = 96 * 1024 // MANY
    assert first.failure.message == '"' * ((share - len("…".encode())) // 2) + "…"
    share = 160 * 1024 // (2 * MANY)
    assert first.details["id"] == '"' * ((share - len("…".encode())) // 2) + "…"
    assert all(resource.failure == first.failure for resource in cut)
