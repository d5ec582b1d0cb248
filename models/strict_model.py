"""Strict model: what comes from outside is exactly what is described, or it is refused."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """No field that is not described, no number that is not finite, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
