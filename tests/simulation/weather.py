"""What a seed makes of the world: how many take part, how often what fails, and how long things take."""

from dataclasses import dataclass
from random import Random

from registry_api.domain.registry import CLOCK_SKEW

REGIONS = ("eastus", "westus", "eastus2", "northeurope")
VERBS = 8
NAMES = ("Alpha", "Beta1", "Gamma", "Delta")


@dataclass(frozen=True, slots=True)
class Weather:
    """The conditions of one run; rates are shares of all calls."""

    clients: int
    requests: int  # of each client
    workers: int
    names: tuple[str, ...]
    fault_rate: float
    late_action_rate: float  # of what changes the cloud; the caller has given up when it does
    death_share: float  # of the faults; the process ends, the others are calls without an answer
    slow_rate: float
    duplicate_rate: float
    late_rate: float
    jump_pause: float  # seconds between two jumps of the clock
    trouble_pause: float  # seconds between two changes of what the cloud refuses
    has_net: bool  # the resync timer comes, and all messages are lost now and then
    loss_pause: float  # seconds between two losses
    meddle_pause: float  # seconds between two changes by somebody from outside
    cloud_seconds: float  # that a change takes at most
    haste: float  # seconds that a client waits between two requests, at most
    has_audience: bool  # somebody is told everything, of each tenant
    verbs: tuple[int, ...]  # how much of each kind clients ask for
    clock_skew: float  # seconds by which the clocks of two processes differ at most

    @classmethod
    def of(cls, random: Random) -> "Weather":
        """Return the conditions that a seed makes."""
        return cls(
            clients=random.randint(2, 6),
            requests=random.randint(6, 24),
            workers=random.randint(1, 4),
            names=NAMES[: random.randint(1, len(NAMES))],
            fault_rate=random.choice((0.01, 0.02, 0.05, 0.1, 0.2)),
            late_action_rate=random.choice((0.1, 0.4, 0.8)),
            death_share=random.choice((0.1, 0.3, 0.6)),
            slow_rate=random.choice((0.0, 0.02, 0.1, 0.2)),
            duplicate_rate=random.choice((0.0, 0.05, 0.2)),
            late_rate=random.choice((0.0, 0.05, 0.3)),
            jump_pause=random.choice((60.0, 300.0, 1200.0)),
            trouble_pause=random.choice((20.0, 100.0, 100_000.0)),
            has_net=random.choice((True, False)),
            loss_pause=random.choice((20.0, 200.0)),
            meddle_pause=random.choice((100.0, 100_000.0)),
            cloud_seconds=random.choice((0.0, 2.0, 20.0, 90.0)),
            haste=random.choice((0.5, 5.0, 40.0)),
            has_audience=random.choice((True, False)),
            verbs=tuple(random.choice((1, 2, 6)) for _ in range(VERBS)),
            clock_skew=random.choice((0.0, CLOCK_SKEW.total_seconds())),
        )
