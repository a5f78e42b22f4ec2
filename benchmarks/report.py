"""What was measured, written into a page of the documentation between the markers that are there for it."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.table import as_markdown

_CPU = Path("/proc/cpuinfo")


def write(page: Path, part: str, text: str) -> None:
    """Put a text between the markers of a part, in the place of what is there.

    Raises:
        ValueError: If the page has no such markers.
    """
    begin, end = f"<!-- {part} -->\n", f"<!-- end of {part} -->"
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} has no lines '{begin.strip()}' and '{end}'.")
    page.write_text(f"{before}{begin}\n{text}\n\n{end}{after}", "utf-8")


def circumstances(command: str) -> str:
    """Return when and on what it is measured now."""
    facts = [
        ("measured", f"{datetime.now(UTC):%Y-%m-%d}, by `{command}`"),
        ("machine", f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"),
        ("Python", platform.python_version()),
    ]
    return as_markdown([("", ""), *facts])


def _processor() -> str:
    lines = _CPU.read_text().splitlines() if _CPU.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
