"""Webhooks on the running app: the example script, and what is in the log afterwards."""

import hashlib
import json
import os
import shutil
import subprocess
import uuid
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from devstack.azurite import Azurite
from tests import senders
from tests.live import ROOT, RunningApp

KEY = "key-of-a-pipeline-that-is-long-enough"
SCRIPT = ROOT / "examples" / "send-registry.sh"


@pytest.fixture(scope="module")
def app(azurite: Azurite) -> Iterator[RunningApp]:
    """Yield an app that lets in nobody but sources of webhooks and the holder of a key."""
    key = {
        "name": "ci",
        "tenant": senders.TENANT,
        "object_id": senders.PRINCIPAL,
        "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
    }
    with RunningApp.start(azurite, **senders.settings(), REGISTRY_KEYS=json.dumps([key])) as app:
        yield app


def send(app: RunningApp, document: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the example script."""
    return subprocess.run(
        ["/bin/bash", SCRIPT, document],
        env={
            "PATH": os.environ["PATH"],
            "NO_PROXY": "*",
            "REGISTRY_WEBHOOK": f"{app.url}/api/webhooks/standard",
            "REGISTRY_SECRET": senders.SECRET,
            "REGISTRY_KEY": KEY,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def test_the_script_sends_and_waits(app: RunningApp, name: str, tmp_path: Path) -> None:
    """What the script sends is there when it has ended, made by the source; sent again, it is told again."""
    document = tmp_path / "registry.yml"
    document.write_text(f"---\nname: {name}\nlocation: eastus\n---\nname: {name}-b\nlocation: westus\n", "utf-8")
    delivery = f"msg_{uuid.uuid4().hex}"
    sent = send(app, document, DELIVERY_ID=delivery)
    answer, *operations = map(json.loads, sent.stdout.splitlines())

    assert (sent.returncode, sent.stderr) == (0, "")
    assert [(item["name"], item["result"]) for item in answer["documents"]] == [
        (name, "Created"),
        (f"{name}-b", "Created"),
    ]
    assert [operation["status"] for operation in operations] == ["Succeeded", "Succeeded"]
    with app.client() as client:
        registry = client.get(f"/registries/{name}", headers={"x-functions-key": KEY}).json()
    assert registry["status"]["provisioning_state"] == "Succeeded"
    assert (registry["system_data"]["created_by"], registry["system_data"]["created_by_type"]) == (
        "standard",
        "Webhook",
    )
    again = send(app, document, DELIVERY_ID=delivery)
    assert json.loads(again.stdout.splitlines()[0]) == answer


def test_the_script_fails_with_the_reason(app: RunningApp, name: str, tmp_path: Path) -> None:
    """A refused document, and a secret that is not right, end the script with what the service says."""
    document = tmp_path / "registry.yml"
    document.write_text(f"name: {name}\nlocation: eastsu\n", "utf-8")
    refused = send(app, document)
    unknown = send(app, document, REGISTRY_SECRET=senders.OTHER_SECRET)

    assert (refused.returncode, unknown.returncode) == (1, 1)
    (result,) = json.loads(refused.stdout)["documents"]
    assert [(problem["code"], problem["line"], problem["column"]) for problem in result["problems"]] == [
        ("UnknownLocation", 2, 11)
    ]
    assert json.loads(unknown.stdout)["error"]["code"] == "Unauthenticated"


def test_no_secret_is_in_the_log(app: RunningApp, name: str) -> None:
    """Whatever is sent with a secret, right or wrong, the log has neither it nor a signature."""
    body = f"name: {name}\nlocation: eastus\n".encode()
    event = senders.dispatch(registry=body.decode())
    run = senders.run_ended({"registry": body.decode()}, delivery=str(uuid.uuid4()))
    sent: list[tuple[str, bytes, dict[str, str]]] = [
        ("standard", body, senders.signed(body)),
        ("standard", body, senders.signed(body, secret=senders.OTHER_SECRET)),
        ("github", event, senders.by_github(event)),
        ("azure-devops", run, {"x-webhook-secret": senders.HOOK_SECRET, "content-type": "application/json"}),
        ("azure-devops", run, {"authorization": f"Basic {senders.HOOK_SECRET}", "content-type": "application/json"}),
        (senders.HOOK_SECRET, run, {}),
    ]
    with app.client() as client:
        answers = [client.post(f"/webhooks/{source}", content=content, headers=head) for source, content, head in sent]

    assert [answer.status_code for answer in answers] == [200, 401, 200, 200, 401, 401]
    told = "".join([*app.lines, *(answer.text for answer in answers)])
    for secret in (senders.SECRET, senders.OTHER_SECRET, senders.GITHUB_SECRET, "canary-of-the-standard"):
        assert secret not in told
    assert answers[0].request.headers["webhook-signature"] not in told
    # Paths are logged by the host; what stands in the place of a name is the sender's own mistake.
    assert senders.HOOK_SECRET not in "".join(answer.text for answer in answers)


def test_the_script_does_not_wait_for_ever(app: RunningApp, name: str, tmp_path: Path) -> None:
    """When a registry takes longer than the script may wait, it fails and says what has not ended."""
    document = tmp_path / "registry.yml"
    document.write_text(f"name: {name}\nlocation: eastus\n", "utf-8")
    sent = send(app, document, REGISTRY_WAIT="0")
    (result,) = json.loads(sent.stdout)["documents"]

    assert sent.returncode == 1
    assert sent.stderr == f"After 0 seconds this operation has not ended: {result['operation_location']}\n"


def test_no_process_of_the_script_has_a_secret_in_its_arguments(tmp_path: Path) -> None:
    """Every program that the script starts is replaced by one that writes its arguments down and goes on."""
    seen, tools = tmp_path / "seen", tmp_path / "tools"
    tools.mkdir()
    for tool in ("openssl", "od", "tr", "cat", "date", "grep", "cut", "head", "sleep", "curl"):
        real = 'cat > /dev/null; echo \'{"operation_location":"x","status":"Succeeded"}\''
        if tool != "curl":
            real = f'exec {shutil.which(tool)} "$@"'
        (tools / tool).write_text(f'#!/bin/bash\necho "{tool} $*" >> {seen}\n{real}\n', "utf-8")
        (tools / tool).chmod(0o755)
    document = tmp_path / "registry.yml"
    document.write_text("name: Demo1\nlocation: eastus\n", "utf-8")
    done = subprocess.run(
        ["/bin/bash", SCRIPT, document],
        env={
            "PATH": str(tools),
            "REGISTRY_WEBHOOK": "https://registries.example",
            "REGISTRY_SECRET": senders.SECRET,
            "REGISTRY_KEY": KEY,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    arguments = seen.read_text("utf-8")
    secret = senders.SECRET.removeprefix("whsec_")

    assert (done.returncode, done.stderr) == (0, "")
    assert arguments.count("curl ") == 2
    for hidden in (KEY, secret, b64decode(secret).decode(), b64decode(secret).hex()):
        assert hidden not in arguments


@pytest.mark.parametrize("file", ["github-actions.yml", "azure-pipelines.yml"])
def test_the_pipelines_call_the_script(file: str) -> None:
    """The examples for pipelines can be read, and give the script every variable that it asks for."""
    text = (ROOT / "examples" / file).read_text("utf-8")
    steps = yaml.safe_load(text)
    (step,) = [
        step
        for step in (steps.get("steps") or steps["jobs"]["send"]["steps"])
        if "send-registry.sh" in str(step.get("run", step.get("bash", "")))
    ]

    assert set(step["env"]) == {"REGISTRY_WEBHOOK", "REGISTRY_SECRET", "REGISTRY_KEY", "DELIVERY_ID"}
    assert all(variable in SCRIPT.read_text("utf-8") for variable in step["env"])


def test_what_no_function_takes(app: RunningApp) -> None:
    """Another method is 405, whatever the source; a body in chunks is told to be one, before anything is verified."""
    with app.client() as client:
        wrong = client.get("/webhooks/standard")
        chunked = client.post("/webhooks/standard", content=iter([b"location: eastus"]))

    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (chunked.status_code, chunked.json()["error"]["code"]) == (411, "LengthRequired")
