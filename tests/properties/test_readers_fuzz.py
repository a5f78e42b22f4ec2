"""Whatever bytes come in: a document, or a refusal that says where. Never anything else.

`FUZZ_TEXTS` says how many texts are tried; a failure tells the seed of its text, which `FUZZ_SEED` tries first.
"""

import json
import os
from random import Random
from typing import Any, NoReturn

import pytest
import yaml

from registry_api.domain.problems import Code, Refusal
from registry_api.domain.validation import examine
from registry_api.http.documents import read
from tests.properties.faults import plant
from tests.properties.test_planted_faults import written

TEXTS = int(os.environ.get("FUZZ_TEXTS", "6000"))
FIRST_SEED = int(os.environ.get("FUZZ_SEED", "1"))
BATCHES = 4
MAX_DEPTH = 32
_SCRAPS = (
    *(b"{ } [ ] , : \" ' # & * ! | > % @ ` ? - ~ \\ / = << --- ... null true NaN Infinity -Infinity -0 1e999".split()),
    *(
        b"\n,\t,\r,\0,\x07,\x7f,\xff,\xc3,\xe2\x80\xa8,\xc2\x85,\xef\xbb\xbf,\xef\xbf\xbe,\xed\xa0\x80,\xf0\x9f\x97".split(
            b","
        )
    ),
    *(b"\n- ;\n: ;? ;: ;\n---\n;%YAML 1.1\n---\n;&a ;*a;!!str ;!x ;<<: ;\n...\n;|\n ;>-\n ".split(b";")),
    *(rb"\ud800 \u0000 \u0061 \/ \x41 \U0001f600 \N \_ 0x_ 1__0 1:30 .inf -.5e+1 {}:".split()),
    b'"a": 1, "\\u0061": 2, ',
    b"9" * 4400,
    b"[" * 40,
    b"]" * 40,
    b'{"a":' * 34,
    b"- " * 40,
    b" " * 70,
    b'"' + b"k" * 1100 + b'": ',
)


def mutated(rng: Random, body: bytes) -> bytes:
    """Return a text with some damage."""
    damaged = bytearray(body)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        start, end = sorted(rng.randint(0, len(damaged)) for _ in range(2))
        end = min(end, start + rng.choice([1, 5, 200]))
        match rng.randrange(6):
            case 0:
                damaged[start:end] = bytes(byte ^ (1 << rng.randrange(8)) for byte in damaged[start:end][:3])
            case 1:
                del damaged[start:end]
            case 2:
                damaged[start:start] = damaged[start:end]
            case 3:
                damaged[start:end] = rng.choice(_SCRAPS)
            case _:
                damaged[start:start] = rng.choice(_SCRAPS)
    return bytes(damaged)


def some_text(rng: Random) -> tuple[bytes, dict[str, str]]:
    """Return bytes of any kind and a type for them: a damaged document, scraps of several, or noise."""
    is_json = rng.random() < 0.5
    headers = {"content-type": "application/json" if is_json else "application/yaml"}
    kind = rng.random()
    if kind < 0.05:
        return rng.randbytes(rng.choice([1, 2, 10, 300])), headers
    if kind < 0.25:
        return b"".join(rng.choices(_SCRAPS, k=rng.choice([1, 2, 3, 5, 12]))), headers
    _, body, headers = written(plant(rng, rng.choice([0, 1])).root, rng, is_json=is_json)
    return mutated(rng, body) or b" ", headers


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_text_is_a_document_or_refused(batch: int) -> None:
    """Noise and damaged documents give problems with places, or a document; JSON exactly when it is JSON."""
    for seed in range(FIRST_SEED + batch, FIRST_SEED + TEXTS, BATCHES):
        rng = Random(seed)  # noqa: S311 - noise need not be secret
        body, headers = some_text(rng)
        try:
            _examine(body, headers)
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed must be told
            pytest.fail(f"FUZZ_SEED={seed} FUZZ_TEXTS=1: {error!r}\n{headers}\n{body[:3000]!r}")


def _examine(body: bytes, headers: dict[str, str]) -> None:
    is_json = headers["content-type"].startswith("application/json")
    try:
        document = read(body, headers)
    except Refusal as refusal:
        (problem,) = refusal.problems
        assert problem.code is Code.INVALID_DOCUMENT
        _check_places(refusal, body)
        assert not is_json or _json(body) is None
        return
    if is_json:
        assert repr(_json(body)) == repr((document.value,))  # NaN and -0.0 would be lost on ==
    else:
        _check_same_texts(document.value, yaml.load(body.decode("utf-8-sig"), Loader=yaml.CBaseLoader))  # noqa: S506 - it makes text only
    _check_places(document.locate(Refusal(*examine(document.value).problems)), body)


def _check_places(refusal: Refusal, body: bytes) -> None:
    lines = len(body.decode("utf-8", "replace").splitlines())
    for problem in refusal.problems:
        assert problem.line is not None
        assert 1 <= problem.line <= lines + 1
        assert problem.column is not None
        assert 1 <= problem.column <= len(body) + 1
        json.dumps([problem.target, problem.message], ensure_ascii=False).encode()  # an answer can carry it


def _json(body: bytes) -> tuple[object] | None:
    """Return what the standard library reads, in a tuple, or None if a document may not be that."""

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError
        return dict(pairs)

    def refused(_: str) -> NoReturn:
        raise ValueError

    try:
        value = json.loads(body.decode("utf-8-sig"), object_pairs_hook=unique, parse_constant=refused)
    except (ValueError, RecursionError):
        return None
    return (value,) if _depth(value) <= MAX_DEPTH else None


def _depth(value: object) -> int:
    match value:
        case dict():
            return max((1 + _depth(item) for item in value.values()), default=0)
        case list():
            return max((1 + _depth(item) for item in value), default=0)
    return 0


def _check_same_texts(ours: Any, theirs: Any) -> None:
    """Compare a value with what PyYAML reads when it takes everything for text."""
    match ours:
        case dict():
            assert list(ours) == list(theirs)
            for key in ours:
                _check_same_texts(ours[key], theirs[key])
        case list():
            assert len(ours) == len(theirs)
            for mine, their in zip(ours, theirs, strict=True):
                _check_same_texts(mine, their)
        case str():
            assert ours == theirs
        case _:
            assert isinstance(theirs, str | None)
