"""docs/clients.md does what it says."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import PYTHON, ROOT, SUBSCRIPTION, Live

pytestmark = pytest.mark.timeout(300)  # it may be the one that starts the stack

_BLOCK = re.compile(r"```(bash|python)\n(.*?)```", re.DOTALL)
_NAME = "Documented1"


_REGISTRIES_ONLY = f"""
import time
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Registry, RegistryRegionDetails
from azure.core.credentials import AccessToken

class Developer:
    def get_token(self, *scopes, **options):
        return AccessToken("TOKEN", int(time.time()) + 3600)

ml = MLClient(Developer(), "{SUBSCRIPTION}", "ml", polling_interval=1, **OPTIONS)
regions = [RegistryRegionDetails(location="eastus")]
new = Registry(name="NAME", location="eastus", replication_locations=regions)
ml.registries.begin_create(new).result()
print(ml.registries.get("NAME").name)
"""


@pytest.mark.parametrize(
    ("name", "variable", "path", "options"),
    [
        ("metadata-alone", "ARM_CLOUD_METADATA_URL", "/metadata/endpoints?api-version=2019-05-01", {}),
        ("named-cloud", "AZUREML_DEV_URL_MFE", "", {"cloud": "AzureCloud"}),  # as `az ml registry` makes its client
    ],
)
def test_one_variable_is_enough_for_registries(
    name: str, variable: str, path: str, options: dict[str, str], live: Live
) -> None:
    """With one variable for the address and no other, azure-ai-ml creates a registry here and reads it."""
    assert f'export {variable}="https://127.0.0.1:7071/api{path}"' in (ROOT / "docs" / "clients.md").read_text("utf-8")
    others = {"REGISTRY_DISCOVERY_ENDPOINT_URL", "ARM_CLOUD_METADATA_URL", "AZUREML_DEV_URL_MFE"}
    environment = {key: value for key, value in _inherited().items() if key not in others} | {
        "REQUESTS_CA_BUNDLE": str(live.certificate),
        variable: f"{live.url}{path}",
    }
    code = _REGISTRIES_ONLY
    for placeholder, meant in {"NAME": name, "OPTIONS": repr(options), "TOKEN": live.tokens["owner"]}.items():
        code = code.replace(placeholder, meant)
    done = subprocess.run(
        [str(PYTHON), "-c", code], env=environment, capture_output=True, text=True, timeout=240, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"{name}\n")  # after the client's own dots


def _inherited() -> dict[str, str]:
    """Return this process's environment, without proxies, which nothing here is behind."""
    return {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}


def test_every_snippet_runs(live: Live, tmp_path: Path) -> None:
    """The page's code, one block after the other, with our address, certificate, token and name, does its work."""
    page = (ROOT / "docs" / "clients.md").read_text("utf-8")
    example = (ROOT / "examples" / "registry.yml").read_text("utf-8")
    for written, meant in {
        "https://127.0.0.1:7071/api": live.url,
        "$PWD/.data/tls/cert.pem": str(live.certificate),
        '"developer"': f'"{live.tokens["owner"]}"',
        "Bearer developer": f"Bearer {live.tokens['owner']}",
        "DemoRegistry1": _NAME,
    }.items():
        assert written in page
        page = page.replace(written, meant)
    blocks = _BLOCK.findall(page)
    python = "\n".join(block for language, block in blocks if language == "python")
    shell = [block for language, block in blocks if language == "bash"]
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "registry.yml").write_text(example.replace("DemoRegistry1", _NAME), "utf-8")
    (tmp_path / "page.py").write_text(python, "utf-8")
    script = "\n".join(["set -eu", shell[0], f"{PYTHON} page.py", *shell[1:]])

    command = ["/bin/bash", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=_inherited(), capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert f"{_NAME} ['eastus', 'eastus2', 'westus']" in done.stdout
    assert "{'foo': 'bar', 'team': 'ml'}" in done.stdout
    assert "{'foo': 'bar', 'team': 'ai'}" in done.stdout
    assert f'"name":"{_NAME}"' in done.stdout
    assert '"location":"westus"' not in done.stdout
