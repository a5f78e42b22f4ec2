"""docs/clients.md does what it says."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import PYTHON, ROOT, Live

pytestmark = pytest.mark.timeout(300)  # it may be the one that starts the stack

_BLOCK = re.compile(r"```(bash|python)\n(.*?)```", re.DOTALL)
_NAME = "Documented1"


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

    inherited = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    command = ["/bin/bash", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=inherited, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert f"{_NAME} ['eastus', 'eastus2', 'westus']" in done.stdout
    assert "{'foo': 'bar', 'team': 'ml'}" in done.stdout
    assert "{'foo': 'bar', 'team': 'ai'}" in done.stdout
    assert f'"name":"{_NAME}"' in done.stdout
    assert '"location":"westus"' not in done.stdout
