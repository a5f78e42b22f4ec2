"""Documents that could drift from the code say what the code says."""

import re
import subprocess
from pathlib import Path

import pytest

from registry_api.domain.problems import Code
from registry_api.http.errors import status_of
from registry_api.settings import Settings
from tests.live import RunningApp
from tests.service import actors

ROOT = Path(__file__).parents[2]


def table(name: str) -> list[list[str]]:
    """Return the cells of the rows of a document's table."""
    lines = (ROOT / "docs" / name).read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[2:]


def test_every_error_is_documented() -> None:
    """docs/errors.md has every code in the order of the code, with its status and a meaning."""
    rows = table("errors.md")

    assert [row[0].strip("`") for row in rows] == [code.value for code in Code]
    for code, status, meaning in rows:
        assert meaning
        if status:
            assert int(status) == status_of(Code(code.strip("`")))
        else:
            assert meaning.startswith("In an operation")


def test_every_setting_is_documented() -> None:
    """docs/settings.md has every setting with its default and its description, and no others."""
    rows = {row[0].strip("`"): row[1:] for row in table("settings.md")}

    assert list(rows) == [field.alias for field in Settings.model_fields.values()]
    for field in Settings.model_fields.values():
        default, description = rows[str(field.alias)]
        assert description == field.description
        assert (default == "required") == field.is_required()
        assert default in {"required", "empty", f"`{field.default}`"} or not field.repr


def test_who_may_do_what_is_documented() -> None:
    """docs/access.md has the table that the tests prove, actor by actor and place by place."""
    rows = table("access.md")

    assert rows[-len(actors.ACTORS) - 2 :: len(actors.ACTORS) + 2] == [actors.table()[0]]
    assert rows[-len(actors.ACTORS) :] == actors.table()[1:]


def test_every_decision_is_numbered_once() -> None:
    """The decisions are numbered without gaps, and each says why."""
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [file.name[:4] for file in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    assert all("**Why.**" in file.read_text("utf-8") for file in files)


@pytest.mark.parametrize(
    "file",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/api.md",
        "docs/access.md",
        "docs/notifications.md",
        "docs/deploy.md",
        "docs/operations.md",
        "docs/performance.md",
        "docs/webhooks.md",
        "docs/clients.md",
        "docs/security.md",
        "devhost/README.md",
    ],
)
def test_links_lead_somewhere(file: str) -> None:
    """Every link to a file of this repository leads to one."""
    text = (ROOT / file).read_text("utf-8")
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((ROOT / file).parent / link).exists(), link


def test_the_first_request_of_the_readme_works(running_app: RunningApp, name: str, tmp_path: Path) -> None:
    """The command that the README shows is answered as the README shows."""
    readme = (ROOT / "README.md").read_text("utf-8")
    (command,) = re.findall(r"^curl .*$", readme, re.MULTILINE)
    document = tmp_path / "registry.yml"
    document.write_text(
        (ROOT / "examples" / "registry.yml").read_text("utf-8").replace("DemoRegistry1", name), encoding="utf-8"
    )
    command = command.replace("http://127.0.0.1:7071", running_app.url).replace("DemoRegistry1", name)
    command = command.replace("examples/registry.yml", str(document))

    answer = subprocess.run(
        ["/bin/bash", "-c", f"{command} --silent --noproxy '*'"], capture_output=True, text=True, check=True
    ).stdout

    shown = re.search(r"```http\n(.*?)\n\n", readme, re.DOTALL)
    assert shown is not None
    headers = {line.partition(":")[0].lower() for line in answer.partition("\n\n")[0].splitlines()}
    assert answer.startswith("HTTP/1.1 201 Created")
    assert {line.partition(":")[0] for line in shown[1].splitlines()[1:]} <= headers
