"""What callers read of a registry is what the API says that they do, in the form that is noted for it."""

import hashlib
import re

import pytest

from registry_api.http.bodies import RegistryBody
from registry_api.service.showing import FORM, view_of
from registry_api.service.views import View, content_of, etag_of, groups_of, id_of, scope_of, view_in, views_in
from tests.contract.records import in_every_state

_FORMS = {1: "84db84a2d9e1ec1b", 2: "b0d828deace5c07a"}
"""Digests of what the forms make of the same registries. Whoever changes the form raises `FORM` and adds one here."""


@pytest.mark.parametrize("state", in_every_state())
def test_a_view_is_as_it_is_described(state: str) -> None:
    """A body is one of `RegistryBody`, and a view survives being kept."""
    view = view_of(in_every_state()[state])
    body = RegistryBody.model_validate_json(view)

    assert body.model_dump_json(exclude_unset=True) == view
    assert view_in(view, body.name.lower()) == view
    assert (id_of(view), etag_of(view)) == (body.id, body.etag)
    assert scope_of(view).registry_id(body.name) == body.id
    assert groups_of([view]) == [scope_of(view).id]


def test_what_is_not_stored_cannot_be_followed() -> None:
    """A registry that was only to be validated names no operation, and is else what it would be."""
    registry = in_every_state()["created"]
    rehearsed, real = (view_of(registry, is_real=is_real) for is_real in (False, True))

    assert content_of(real)["status"]["operation"] == "/api/operations/Demo.1"
    assert content_of(rehearsed)["status"]["operation"] is None
    assert rehearsed == real.replace('"/api/operations/Demo.1"', "null")


def test_the_form_has_its_number() -> None:
    """Registries whose views are of another form than the app's are written anew: so no two forms have one number."""
    text = "".join(view_of(in_every_state()[state]) for state in ("succeeded", "failing"))
    text = re.sub(r"mlr[a-z0-9]{21}", "NAME", text)

    assert hashlib.sha256(text.encode()).hexdigest()[:16] == _FORMS[FORM]


def test_a_view_says_what_there_is_in_every_region() -> None:
    """Accounts and the copy of the container registry by region, and the container registry itself, by their names."""
    registry = in_every_state()["succeeded"]
    by_kind: dict[tuple[str, str], str] = {(one.kind, one.region): one.name for one in registry.resources}
    status = content_of(view_of(registry))["status"]

    assert status["container_registry"]["name"] == by_kind["ContainerRegistry", registry.spec.location]
    for region in status["regions"]:
        assert [one["name"] for one in region["storage_accounts"]] == [by_kind["StorageAccount", region["location"]]]
        assert region["container_registry_replica"]["state"] == "Ready"
        assert region["primary"] == (region["location"] == registry.spec.location)
    unnamed = [one.model_copy(update={"name": ""}) for one in registry.resources]
    for resources in (tuple(unnamed), ()):
        without = view_of(registry.model_copy(update={"resources": resources}))
        assert content_of(without)["status"]["container_registry"] is None


def test_a_text_that_is_no_view_is_none() -> None:
    """A view begins with the id of a registry, ends with a tag, and can be sent."""
    text = view_of(in_every_state()["created"])
    tag = text.rindex(',"etag"')
    wrong = (
        "",
        text[1:],
        text.replace("/providers/", "/", 1),
        text[:-1],
        f"{text}}}",
        f"{text[:tag]}}}",
        text.replace("}", '"\ud800"}', 1),
    )
    assert [view_in(one, "demo") for one in wrong] == [None] * len(wrong)
    assert view_in(text.replace("}", '"é"}', 1), "demo") is not None
    assert view_in(text, "other") is None


def test_neighbours_tell_nothing_of_each_other() -> None:
    """Whatever comes before it, a text is the view that it is alone: of its own group, and of the name asked for."""
    here = view_of(in_every_state()["created"])
    there = View(here.replace("/resourceGroups/", "/resourceGroups/other-", 1))
    longer = View(here.replace("/Demo", "/Demo2", 1))
    damaged = here[1:]
    texts = [
        (text, name)
        for one in (here, there, longer, damaged)
        for other in (here, there, longer, damaged)
        for text, name in ((one, "demo"), (other, "demo2"))
    ]
    assert views_in(texts) == [view_in(text, name) for text, name in texts]
    assert {*views_in(texts)} == {here, there, longer, None}
    assert groups_of([here, there]) == [scope_of(here).id, scope_of(there).id]
