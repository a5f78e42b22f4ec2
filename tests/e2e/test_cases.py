"""Runs the cases of tests/cases: directories of numbered steps, each one request and what must come back.

A step is a YAML file:

    request: PUT /registries/{name}     # {name} is unique to the run; other words come from `remember`
    headers: {content-type: text/yaml}  # optional
    body: "location: eastus"            # text is sent as it is, anything else as JSON
    expect:
      status: 201
      headers: {etag: /"[0-9a-f]+"/}    # text between slashes is a regular expression
      body: {name: "{name}"}            # fields that are not named are not looked at; lists are, item by item
    follow: {status: Succeeded}         # optional: poll Operation-Location to its end and expect this
    remember: {etag: etag}              # optional: keep a header's value under a word
"""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.live import follow

CASES = Path(__file__).parents[1] / "cases"


def differences(expected: Any, actual: Any, where: str = "") -> list[str]:
    """Return where an answer is not as it should be."""
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return [f"{where}: not a mapping but {actual!r}"]
        return [
            difference
            for key, value in expected.items()
            for difference in differences(value, actual.get(key), f"{where}.{key}")
        ]
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return [f"{where}: expected {len(expected)} items, got {actual!r}"]
        return [
            difference
            for index, value in enumerate(expected)
            for difference in differences(value, actual[index], f"{where}[{index}]")
        ]
    if isinstance(expected, str) and (pattern := re.fullmatch(r"/(.*)/", expected, re.DOTALL)):
        return [] if re.fullmatch(pattern[1], str(actual)) else [f"{where}: {actual!r} does not match {expected}"]
    return [] if expected == actual else [f"{where}: expected {expected!r}, got {actual!r}"]


def fill_in(value: Any, words: dict[str, str]) -> Any:
    """Put words in the place of their names in braces."""
    if isinstance(value, dict):
        return {fill_in(key, words): fill_in(item, words) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, words) for item in value]
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda match: words.get(match[1], match[0]), value)
    return value


def send(client: httpx.Client, step: dict[str, Any]) -> httpx.Response:
    """Send the request of a step."""
    method, path = step["request"].split(" ", 1)
    headers, body = dict(step.get("headers", {})), step.get("body")
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
        headers.setdefault("content-type", "application/json")
    return client.request(method, path, headers=headers, content=body)


def run_step(client: httpx.Client, step: dict[str, Any], words: dict[str, str]) -> list[str]:
    """Run one step and return what was not as expected."""
    unknown = step.keys() - {"request", "headers", "body", "expect", "follow", "remember"}
    assert not unknown, f"unknown keys in a step: {unknown}"
    answer = send(client, step)
    expect = step["expect"]
    found = {
        "status": answer.status_code,
        "headers": dict(answer.headers),
        "body": answer.json() if answer.content and "json" in answer.headers["content-type"] else answer.text,
    }
    wrong = differences(expect, found)
    words |= {word: answer.headers[header] for word, header in step.get("remember", {}).items()}
    if "follow" in step and not wrong:
        wrong += differences(step["follow"], follow(client, answer.headers["operation-location"]), "operation")
    return [*wrong, f"the answer was {answer.status_code} {answer.text}"] if wrong else []


@pytest.mark.parametrize("case", sorted(path.parent for path in CASES.glob("**/01-*.yml")), ids=lambda path: path.name)
def test_case(case: Path, client: httpx.Client, name: str) -> None:
    """Every step of a case gets the answer that it expects."""
    words = {"name": name, "key": name.lower()}
    for path in sorted(case.glob("*.yml")):
        step = fill_in(yaml.safe_load(path.read_text("utf-8")), words)
        assert not (wrong := run_step(client, step, words)), f"{case.name}/{path.name}:\n" + "\n".join(wrong)
