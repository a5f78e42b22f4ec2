"""What cannot be said in the steps of a case: pages, concurrency, headers that clients do not normally send."""

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx

from tests.live import RunningApp, follow


def test_pages_lead_through_all_registries(client: httpx.Client, name: str) -> None:
    """Following next_link from page to page shows every registry once, in the order of the names."""
    mine = [f"{name}-{number}" for number in range(3)]
    for one in mine:
        assert client.put(f"/registries/{one}", content="location: eastus").status_code == 201

    seen: list[str] = []
    link: str | None = "/registries?top=2"
    while link is not None:
        page = client.get(link).json()
        assert len(page["value"]) <= 2
        seen += [registry["name"] for registry in page["value"]]
        link = page.get("next_link")

    assert [registry for registry in seen if registry.startswith(name)] == mine
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen, key=str.lower)


def test_a_continuation_is_good_for_its_own_list(client: httpx.Client, name: str) -> None:
    """A continuation that was changed, or is used with another filter or for another list, is refused."""
    for number in range(2):
        client.put(f"/registries/{name}-{number}", content="{location: eastus, tags: {a: b}}")
    link = client.get("/registries?top=1&location=eastus").json()["next_link"]
    token = httpx.URL(link).params["continuation"]
    changed = ("A" if token[0] != "A" else "B") + token[1:]

    assert client.get(link).status_code == 200
    assert client.get(f"/registries?top=1&location=East%20US&continuation={token}").status_code == 200
    for path in (
        f"/registries?top=1&location=westus&continuation={token}",
        f"/registries?top=1&continuation={token}",
        f"/registries?top=1&location=eastus&continuation={changed}",
        f"/registries?top=1&location=eastus&continuation={token[:-2]}",
        f"/registries?top=1&location=eastus&continuation={token}!",
        f"/registries?top=1&location=eastus&continuation={token[:9]}*~{token[9:]}",
        f"/registries?top=1&location=eastus&continuation={token}%3D",
        f"/registries/{name}-0/operations?continuation={token}",
    ):
        assert client.get(path).json()["error"]["code"] == "InvalidParameter", path


def test_concurrent_writers_leave_one_whole_registry(running_app: RunningApp, name: str) -> None:
    """Many callers who change one registry at once each get a clear answer, and the last accepted spec wins."""

    def put(number: int) -> httpx.Response:
        with running_app.client() as client:
            return client.put(f"/registries/{name}", content=f"location: eastus\ndescription: by {number}")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(put, range(8)))

    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {200, 201, 409}
    assert statuses.count(201) == 1
    accepted = sum(status in {200, 201} for status in statuses)
    with running_app.client() as client:
        registry = client.get(f"/registries/{name}").json()
        assert registry["status"]["generation"] == accepted
        assert follow(client, registry["status"]["operation"].removeprefix("/api"))["status"] == "Succeeded"


def test_a_body_in_chunks_is_told_to_have_a_length(client: httpx.Client, name: str) -> None:
    """The host loses a chunked body, so the caller is told to send its length."""
    answer = client.put(f"/registries/{name}", content=iter([b"location: eastus"]))

    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (411, "LengthRequired")


def test_odd_paths_are_answered_in_our_own_words(running_app: RunningApp) -> None:
    """Whatever stands in a path, the answer is an error document or the host's own 404, never a 5xx."""
    address = urlsplit(running_app.url)
    for path in (
        "/api/registries/%00",
        "/api/registries/" + "a" * 5000,
        "/api/operations/a.b/c",
        "/api/registries/%ff",
    ):
        with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            status = int(raw.makefile("rb").readline().split()[1])
        assert status in {400, 404}, path


def test_errors_show_nothing_of_the_inside(client: httpx.Client) -> None:
    """An error's body has a code, a message and a target, and no trace of the code behind it."""
    text = client.put("/registries/x", content="- 1").text

    assert "Traceback" not in text
    assert ".py" not in text
