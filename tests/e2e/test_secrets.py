"""A canary in every secret that the app is given sings nowhere: in no log, answer, row, message or letter."""

import asyncio
import base64
import hashlib
import json
import logging
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import azure.functions as func
import pytest
from azure.storage.queue.aio import QueueServiceClient

from devstack.azurite import Azurite
from registry_api import bootstrap
from registry_api.http.functions import function_of
from registry_api.http.routes import ROUTES
from registry_api.settings import DEVELOPMENT_KEY, Settings
from registry_api.startup import SettingsError
from registry_api.storage.names import NOTICES, QUEUE, TABLE
from registry_api.storage.tables import TableRows
from registry_api.worker import functions
from tests.access.issuer import AUDIENCE, OBJECT, TENANT, Issuer
from tests.notification.receiver import HttpReceiver
from tests.senders import by_github, dispatch, run_ended, signed, source

WORKERS = {
    QUEUE: functions.provision,
    NOTICES: functions.notify,
    f"{QUEUE}-poison": functions.provision_poison,
    f"{NOTICES}-poison": functions.notify_poison,
}
ROUTE = {route.name: route for route in ROUTES}


def canary() -> str:
    """Return a text that stands nowhere else."""
    return f"canary{secrets.token_hex(16)}"


class Cage:
    """The app of this process with a canary in every secret, and everything that it says."""

    def __init__(self, azurite: Azurite, issuer: Issuer, receiver: HttpReceiver) -> None:
        self.azurite = azurite
        self.token, self.forged = issuer.token(), f"{canary()}.{canary()}.{canary()}"
        self.expired = issuer.token(exp=1)
        self.key, self.wrong_key, self.host_key, self.cookie = canary(), canary(), canary(), canary()
        self.signing_key, self.path, self.query = canary(), canary(), canary()
        self.digest = hashlib.sha256(self.key.encode()).hexdigest()
        self.signers = ["whsec_" + base64.b64encode(canary().encode()).decode() for _ in range(3)]
        self.hook = "whsec_" + base64.b64encode(canary().encode()).decode()
        self.github_hook, self.devops_hook, self.identity = canary(), canary(), canary()
        hooks = [
            source(kind, secret, object_id=OBJECT, tenant=TENANT)
            for kind, secret in (
                ("standard", self.hook),
                ("github", self.github_hook),
                ("azure-devops", self.devops_hook),
            )
        ]
        owner = {"role": "Owner", "scope": "/"}
        key = {"name": "ci", "tenant": TENANT, "object_id": OBJECT, "sha256": self.digest, "roles": [owner]}
        here, nowhere = f"http://127.0.0.1:{receiver.port}", "http://127.0.0.1:9"
        subscribers = [
            {"name": name, "tenant": TENANT, "url": f"{url}/{self.path}?sig={self.query}", "secrets": self.signers}
            for name, url in (("gone", here), ("away", nowhere))
        ]
        self.environment = {
            "AzureWebJobsStorage": azurite.connection_string(),
            "REGISTRY_LOCAL_BLOB_ENDPOINT": azurite.blob_endpoint,
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "REGISTRY_SIGNING_KEY": self.signing_key,
            "IDENTITY_HEADER": self.identity,
            "REGISTRY_AUTHORITY": issuer.url,
            "REGISTRY_AUDIENCES": AUDIENCE,
            "REGISTRY_TENANTS": TENANT,
            "REGISTRY_KEYS": json.dumps([key]),
            "REGISTRY_SUBSCRIBERS": json.dumps(subscribers),
            "REGISTRY_LOCAL_SUBSCRIBERS": "true",
            "REGISTRY_WEBHOOKS": json.dumps(hooks),
        }
        self.said: list[str] = []

    @property
    def canaries(self) -> list[str]:
        """Return every secret, in each of the ways in which it may be written."""
        tokens = [self.token, self.expired, self.forged]
        signers = [signer.removeprefix("whsec_") for signer in (*self.signers, self.hook)]
        plain = [self.key, self.wrong_key, self.host_key, self.cookie, self.signing_key, self.path, self.query]
        plain += [self.github_hook, self.devops_hook, self.identity]
        parts = [part for token in tokens for part in token.split(".")[1:]]
        decoded = [base64.b64decode(signer).decode() for signer in signers]
        found = [*parts, *signers, *decoded, *plain, self.digest, DEVELOPMENT_KEY]
        encoded = [base64.b64encode(secret.encode()).decode().rstrip("=")[:-1] for secret in plain]
        return [*found, *encoded, *(quote(secret, safe="") for secret in found)]

    async def ask(
        self, route: str, target: str = "", body: Any = None, query: str = "", **headers: str
    ) -> tuple[int, Any]:
        """Send a request, with more secrets in it than it needs, and return status and body of the answer."""
        answer = await function_of(ROUTE[route])(
            func.HttpRequest(
                ROUTE[route].method,
                f"http://localhost/api/x?code={self.host_key}{query}",
                headers={
                    "cookie": self.cookie,
                    **{name.replace("_", "-"): value for name, value in headers.items()},
                },
                params={},
                route_params={"name": target, "id": target, "source": target},
                body=b"" if body is None else json.dumps(body).encode(),
            )
        )
        text = answer.get_body().decode()
        self.said += [text, repr(dict(answer.headers))]
        return answer.status_code, json.loads(text) if text else None

    async def work(self) -> None:
        """Do what the host does, until the queues are empty but for what is to be seen later."""
        async with QueueServiceClient.from_connection_string(self.environment["AzureWebJobsStorage"]) as queues:
            names = [queue.name async for queue in queues.list_queues()]
            done = True
            while done:
                done = False
                for name in names:
                    client = queues.get_queue_client(name)
                    async for message in client.receive_messages(visibility_timeout=60):
                        self.said.append(message.content)
                        await _run(name, message.content.encode())
                        await client.delete_message(message)
                        done = True

    async def look(self) -> int:
        """Keep what stands in the table; return how many rows there are."""
        rows, start, found = TableRows(self.environment["AzureWebJobsStorage"], TABLE), None, 0
        while True:
            page = await rows.walk(100, start)
            self.said += [repr(row) for row in page.rows]
            found += len(page.rows)
            if (start := page.next) is None:
                await rows.close()
                return found


async def _run(queue: str, body: bytes) -> None:
    function: Any = WORKERS[queue]
    await function._function.get_user_function()(func.QueueMessage(id=secrets.token_hex(4), body=body))


@pytest.fixture
async def cage(own_azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cage]:
    """Yield the app that the environment describes, put together as it is on Azure."""
    cached = (bootstrap.settings, bootstrap.app, bootstrap.courier, bootstrap.backend)
    with Issuer() as issuer, HttpReceiver(lambda _: (410, {})) as receiver:
        cage = Cage(own_azurite, issuer, receiver)
        for name, value in cage.environment.items():
            monkeypatch.setenv(name, value)
        for one in cached:
            one.cache_clear()
        yield cage
        cage.said += [repr(one.headers) + one.body.decode() for one in receiver.received]
        ports: Any = bootstrap.app().ports
        backend: Any = bootstrap.backend()
        for connected in (ports.queue, ports.audience.queue, ports.store._rows, backend):
            await connected.close()
        for one in cached:
            one.cache_clear()


async def test_no_secret_is_ever_told(
    cage: Cage, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not in a log at DEBUG, the SDKs' included, nor anywhere that anybody can read, whatever goes well or wrong."""
    caplog.set_level(logging.DEBUG)
    for name in ("registry_api.storage.service", "azure", "aiohttp"):
        caplog.set_level(logging.DEBUG, name)
    bearer = {"authorization": f"Bearer {cage.token}"}
    document = {"name": "Demo1", "location": "eastus"}

    for refused in (
        {},
        {"authorization": f"Bearer {cage.forged}"},
        {"authorization": f"Bearer {cage.expired}"},
        {"authorization": f"Basic {cage.forged}"},
        {"x_functions_key": cage.wrong_key},
        {"x_ms_client_principal": cage.cookie},
    ):
        assert (await cage.ask("get_registry", "Demo1", **refused))[0] == 401
    assert (await cage.ask("create_registry", body=document, **bearer))[0] == 201
    created = await cage.ask("put_registry", "Demo2", document | {"name": "Demo2"}, x_functions_key=cage.key)
    assert created[0] == 201
    third = document | {"name": "Demo3"}
    sent = json.dumps(third).encode()
    for secret, status in ((cage.hook, 200), (cage.signers[0], 401)):
        headers = {name.replace("-", "_"): value for name, value in signed(sent, secret=secret).items()}
        assert (await cage.ask("receive_webhook", "standard", third, **headers))[0] == status
    event = json.loads(dispatch(registry=document | {"name": "Demo4"}))
    run = json.loads(run_ended({"registry": document | {"name": "Demo5"}}))
    sent, password = json.dumps(event).encode(), base64.b64encode(f"hook:{cage.devops_hook}".encode()).decode()
    for name, body, proof, status in (
        ("github", event, by_github(sent, secret=cage.github_hook), 200),
        ("github", event, by_github(sent, secret=cage.devops_hook), 401),
        ("azure-devops", run, {"x-webhook-secret": cage.devops_hook}, 200),
        ("azure-devops", run, {"authorization": f"Basic {password}"}, 200),
        ("azure-devops", run, {"x-webhook-secret": cage.github_hook}, 401),
    ):
        headers = {"content-type": "application/json"} | proof
        headers = {header.replace("-", "_"): value for header, value in headers.items()}
        assert (await cage.ask("receive_webhook", name, body, **headers))[0] == status
    await cage.work()
    for function in WORKERS:
        await _run(function, b"{not a message")
    for name in ("get_registry", "list_events", "list_operations", "list_revisions", "list_undelivered"):
        assert (await cage.ask(name, "Demo1", query="&top=1" if name[0] == "l" else "", **bearer))[0] == 200
    _, listed = await cage.ask("list_registries", query="&top=1", **bearer)
    assert "continuation=" in listed["next_link"]
    assert (await cage.ask("put_registry", "Demo1", {"location": "nowhere"}, **bearer))[0] == 400
    assert (await cage.ask("delete_registry", "Demo1", x_functions_key=cage.key))[0] == 202
    async with asyncio.timeout(60):
        dead: Any = {"value": []}
        while not dead["value"]:
            await cage.work()
            _, dead = await cage.ask("list_undelivered", "Demo1", **bearer)
    assert {one["subscriber"] for one in dead["value"]} == {"gone"}
    assert await cage.look() > 20
    assert sum("=quarantine" in text for text in cage.said) == 4

    cage.azurite.stop()
    assert (await cage.ask("get_registry", "Demo2", **bearer))[0] == 503
    with pytest.raises(SettingsError) as wrong:
        Settings.read({**cage.environment, "REGISTRY_KEYS": cage.key, "REGISTRY_SUBSCRIBERS": f"[{cage.query}]"})
    cage.said += [str(wrong.value), repr(bootstrap.settings()), repr(bootstrap.app())]

    assert "Request URL" in caplog.text  # the SDK is heard
    everything = "\n".join([caplog.text, *map(str, capfd.readouterr()), *cage.said])
    assert len(everything) > 100_000
    assert [secret for secret in cage.canaries if secret in everything] == []
