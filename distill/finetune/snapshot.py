"""Snapshot: everything that a run needs in order to go on, in one file.

No state of any random generator is in it, because none is used after the start: the images of a
step are drawn from the seed and the step (`distill.finetune.samples`), and the network has no
dropout.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from distill.errors import TrainingError
from distill.finetune.torch_file import write_torch
from models.nets.state import plain, with_aliases, without_aliases

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from distill.finetune.config import FinetuneConfig
    from models.nets.rtmdet_ins import RTMDetIns


@dataclass(frozen=True)
class Snapshot:
    """A run after `step` steps.

    Attributes:
        step: steps done.
        net: the network's tensors by canonical name.
        ema: the averaged network's.
        optimizer: its state dict.
        scaler: state dict of the gradient scaler, empty without fp16.
        best: the best mask mAP so far, 0 to 1; below 0 before the first evaluation.
        data_sha256: of the annotation files that the run learns from and is measured on.
        source: name of the file that the run began with, empty for random weights.
        source_sha256: of that file.
        auxiliary: tensors of what learned beside the network, by name.
        stale: evaluations in a row, of the last stage, that were no better.
    """

    step: int
    net: dict[str, Tensor]
    ema: dict[str, Tensor]
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    best: float
    data_sha256: str
    source: str
    source_sha256: str
    auxiliary: dict[str, Tensor] = field(default_factory=dict)
    stale: int = 0

    def ends(self, config: FinetuneConfig) -> bool:
        """Whether nothing is left to do."""
        return self.step == config.steps or 0 < config.patience <= self.stale


def tensors_of(net: RTMDetIns) -> dict[str, Tensor]:
    """Each tensor of a network once, on the CPU."""
    return plain(without_aliases(net.state_dict()))


def load_tensors(net: RTMDetIns, state: dict[str, Tensor]) -> None:
    """What `tensors_of` gave, back into a network."""
    net.load_state_dict(with_aliases(state, net))


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replace the snapshot; a kill while writing leaves the one before.

    Raises:
        OutputError: the disk is full, or the place can't be written to.
    """
    write_torch(path, vars(snapshot))


def read_snapshot(path: Path) -> Snapshot | None:
    """The snapshot of a run, or None where there is none yet.

    Raises:
        TrainingError: it is damaged, or of another version.
    """
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return Snapshot(**content)
    except TypeError as error:
        raise TrainingError(
            f"{path} was written by another version; delete it to begin the run anew, "
            "or give another --out"
        ) from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f"{path} is damaged or cut short; delete it to begin the run anew, or give another --out"
        ) from error
