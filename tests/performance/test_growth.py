"""What docs/performance.md says of growth follows from what the verbs come to."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmarks import growth, report
from benchmarks.growth import Growth
from benchmarks.trips import Trips

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


@pytest.mark.parametrize("table", [growth.walks, growth.limits])
def test_the_page_says_what_follows_from_the_counts(
    counted: Mapping[str, Trips], table: Callable[[Mapping[str, Trips]], str]
) -> None:
    """`python -m benchmarks --write docs/performance.md` was run since a verb last changed."""
    assert table(counted) in PAGE.read_text("utf-8")


def test_money_grows_no_faster_than_registries(counted: Mapping[str, Trips]) -> None:
    """What is paid for being there at all is shared by more of them; everything else is their own."""
    one, many = Growth(1_000, counted), Growth(100_000, counted)

    assert one.storage_money < many.storage_money < 100 * one.storage_money
    assert one.functions_money < many.functions_money < 100 * one.functions_money


def test_results_take_the_place_of_older_ones(tmp_path: Path) -> None:
    """What stands around the markers stays, and writing twice is like writing once."""
    page = tmp_path / "page.md"
    page.write_text("Before\n<!-- results -->\nold\n<!-- end of results -->\nAfter\n", "utf-8")

    report.write(page, "results", "older")
    report.write(page, "results", "new")

    assert page.read_text("utf-8") == "Before\n<!-- results -->\n\nnew\n\n<!-- end of results -->\nAfter\n"


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written where nobody said that it belongs."""
    page = tmp_path / "page.md"
    page.write_text("Before\n", "utf-8")

    with pytest.raises(ValueError, match="no lines"):
        report.write(page, "results", "new")
    assert page.read_text("utf-8") == "Before\n"
