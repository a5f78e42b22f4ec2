"""What records have in common: their values do not change, and what reads and writes them is made at the first use."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A record. A cold start needs only a few of all that there are, so each is built when it is first used."""

    model_config = ConfigDict(frozen=True, defer_build=True)
