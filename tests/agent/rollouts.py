"""Plans of roll-outs."""

from agent.fleet.rollout_plan import RolloutPlan

NEW = "1" * 64
"""Digest of the bundle."""


def plan(**fields):
    usual = {
        "group": "cameras", "name": "person", "version": 5, "digest": NEW, "stages": (1, 5, 25, 100),
        "success": 95, "abort_failed": 5, "least": 3, "timeout_s": 60,
    }  # fmt: skip
    return RolloutPlan(**{**usual, **fields})
