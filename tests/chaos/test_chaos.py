"""A short run of `make chaos`: some kills, some broken storage calls, and all of its checks."""

import random

from tests.chaos.run import Plan, run

PLAN = Plan(kills=6, seconds=0, registries=10, storm=8.0, killing=4.0, pause=1.0, rates=(0.05,), kills_server=False)


async def test_everything_ends_right_whatever_is_killed_and_broken() -> None:
    """Workers are killed and storage calls fail; soon after, all is as was accepted, in the rows and in the cloud."""
    report = await run(PLAN, random.SystemRandom().getrandbits(32))
    assert not report.violations, str(report)
    assert report.kills.total > 0, str(report)
    assert report.faults, str(report)
