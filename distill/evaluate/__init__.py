"""How good a network is: average precision, the working point, what it gets wrong."""

from distill.evaluate.evaluator import evaluate
from distill.evaluate.metrics import Evaluation

__all__ = ["Evaluation", "evaluate"]
