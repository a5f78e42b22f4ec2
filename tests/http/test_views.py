"""What callers read of a registry is what the API says that they do, in the form that is noted for it."""

import hashlib
import re

import pytest

from registry_api.http.bodies import RegistryBody
from registry_api.service.showing import FORM, view_of
from registry_api.service.views import View
from tests.contract.records import in_every_state

_FORMS = {1: "84db84a2d9e1ec1b"}
"""Digests of what the forms make of the same registries. Whoever changes the form raises `FORM` and adds one here."""


@pytest.mark.parametrize("state", in_every_state())
def test_a_view_is_as_it_is_described(state: str) -> None:
    """A body is one of `RegistryBody`, and a view survives being kept."""
    view = view_of(in_every_state()[state])
    body = RegistryBody.model_validate_json(view.body)

    assert body.model_dump_json(exclude_unset=True) == view.body
    assert View.parse(view.text) == view
    assert (view.id, view.etag, view.place[1]) == (body.id, body.etag, body.name)
    assert view.place[0].registry_id(body.name) == view.id


def test_what_is_not_stored_cannot_be_followed() -> None:
    """A registry that was only to be validated names no operation, and is else what it would be."""
    registry = in_every_state()["created"]
    rehearsed, real = (view_of(registry, is_real=is_real) for is_real in (False, True))

    assert real.content["status"].pop("operation") == "/api/operations/Demo.1"
    assert rehearsed.content["status"]["operation"] is None
    assert rehearsed.body == real.body.replace('"/api/operations/Demo.1"', "null")


def test_the_form_has_its_number() -> None:
    """Registries whose views are of another form than the app's are written anew: so no two forms have one number."""
    text = "".join(view_of(in_every_state()[state]).text for state in ("succeeded", "failing"))
    text = re.sub(r"mlr[a-z0-9]{21}", "NAME", text)

    assert hashlib.sha256(text.encode()).hexdigest()[:16] == _FORMS[FORM]


def test_a_view_says_what_there_is_in_every_region() -> None:
    """Accounts and the copy of the container registry by region, and the container registry itself, by their names."""
    registry = in_every_state()["succeeded"]
    by_kind: dict[tuple[str, str], str] = {(one.kind, one.region): one.name for one in registry.resources}
    status = view_of(registry).content["status"]

    assert status["container_registry"]["name"] == by_kind["ContainerRegistry", registry.spec.location]
    for region in status["regions"]:
        assert [one["name"] for one in region["storage_accounts"]] == [by_kind["StorageAccount", region["location"]]]
        assert region["container_registry_replica"]["state"] == "Ready"
        assert region["primary"] == (region["location"] == registry.spec.location)
    unnamed = [one.model_copy(update={"name": ""}) for one in registry.resources]
    assert (
        view_of(registry.model_copy(update={"resources": tuple(unnamed)})).content["status"]["container_registry"]
        is None
    )
    assert view_of(registry.model_copy(update={"resources": ()})).content["status"]["container_registry"] is None


@pytest.mark.parametrize("change", [("{", "", 1), ('"', "", 1), ("/providers/", "/", 1), ("\n", " ", 1)], ids=str)
def test_a_text_that_is_no_view_is_refused(change: tuple[str, str, int]) -> None:
    """A view has the id of a registry, a tag, and JSON to its end."""
    text = view_of(in_every_state()["created"]).text
    for wrong in (text.replace(*change), text[:-1], f"{text}}}", text.replace("}", '"\ud800"}', 1), ""):
        with pytest.raises(ValueError, match="A view is the id of a registry"):
            View.parse(wrong)
