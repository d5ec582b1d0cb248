"""Strict model: what comes from outside is exactly what is described, or it is refused."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """No field that is not described, no number that is not finite, and nothing changes later.

    What checks a class is made when it is first used: the parts of a manifest are checked with the
    whole of it, and what makes a checker for each of them takes 6 ms of every start.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
