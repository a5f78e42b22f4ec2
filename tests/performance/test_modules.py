"""Figures of the benchmarks that no noise disturbs."""

from benchmarks import cold

MODULES = 22  # two more than today; the goal is 40


def test_indexing_the_app_imports_few_modules() -> None:
    """A cold start pays for every module: none more than are known may be imported before the first request."""
    assert cold.new_modules("UseDevelopmentStorage=true") <= MODULES
