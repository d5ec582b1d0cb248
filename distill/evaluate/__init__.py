"""How good a network is: average precision, the working point, what it gets wrong."""

from distill.evaluate.metrics import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
