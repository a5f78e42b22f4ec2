"""From the bytes of the seed document to its spec, beside what pydantic and PyYAML take alone for the same model.

They stop at less: ours also refuses keys that are given twice, anchors, tags and documents that are too large, and it
would find every problem with its place.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import yaml

from benchmarks.sampling import cpu_of
from benchmarks.table import Goal, Line
from devstack.child import ROOT
from registry_api.domain.spec import RegistrySpec
from registry_api.domain.validation import examine
from registry_api.http import documents

_REPETITIONS = 100


def measure(blocks: int) -> list[Line]:
    """Measure in this process."""
    return asyncio.run(_measure(blocks))


async def _measure(blocks: int) -> list[Line]:
    as_yaml = (ROOT / "examples" / "registry.yml").read_bytes()
    spec = RegistrySpec.model_validate(yaml.load(as_yaml, yaml.CSafeLoader))
    as_json = spec.model_dump_json(exclude_unset=True).encode()

    async def ours(body: bytes, media_type: str) -> RegistrySpec:
        headers = {"content-type": media_type, "content-length": str(len(body))}
        return examine(documents.read(body, headers).value).spec

    async def json_alone() -> RegistrySpec:
        return RegistrySpec.model_validate_json(as_json)

    async def yaml_alone() -> RegistrySpec:
        return RegistrySpec.model_validate(yaml.load(as_yaml, yaml.CSafeLoader))

    calls: Sequence[Callable[[], Awaitable[RegistrySpec]]] = [
        partial(ours, as_json, "application/json"),
        json_alone,
        partial(ours, as_yaml, "application/yaml"),
        yaml_alone,
    ]
    for call in calls:
        if await call() != spec:
            raise RuntimeError("Not all of them understand the document.")
    found = await cpu_of(calls, blocks, _REPETITIONS)
    return [
        _line("JSON", "model_validate_json", found[0], found[1], 2.0),
        _line("YAML", "C loader + model_validate", found[2], found[3], 1.3),
    ]


def _line(what: str, alone: str, ours: float, floor: float, most: float) -> Line:
    floor_text, ours_text = (f"{seconds * 1e6:.0f} us" for seconds in (floor, ours))
    return Line(f"validate the seed document, {what}", f"{alone} {floor_text}", ours_text, ours / floor, Goal(most))
