"""Machine: devices, precision and processes of a run, through accelerate."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

from distill.device import device_of
from distill.errors import UsageError

if TYPE_CHECKING:
    from distill.finetune.config import FinetuneConfig


_MAX_EVALUATION_TIME = timedelta(hours=6)
"""The first process measures alone, and the others wait for it in their next step.

Chosen, not measured.
"""


def accelerator_for(config: FinetuneConfig, device: str) -> Accelerator:
    """What the run runs on; under torchrun the processes share each batch.

    Args:
        config: for precision and batch size.
        device: auto, cpu or cuda.

    Raises:
        UsageError: there is no such device, or it does not go with the settings.
    """
    kind = device_of(device).type
    precision = {"fp32": "no", "auto": "no"}.get(config.precision, config.precision)
    if config.precision == "auto" and kind == "cuda":
        precision = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    if precision == "fp16" and kind == "cpu":
        raise UsageError("precision: fp16 needs a GPU; take auto, or bf16 where the CPU has it")
    accelerator = Accelerator(
        cpu=kind == "cpu",
        mixed_precision=precision,
        # A frozen backbone has no gradients, and a batch without objects none of masks.
        kwargs_handlers=[
            DistributedDataParallelKwargs(find_unused_parameters=True),
            InitProcessGroupKwargs(timeout=_MAX_EVALUATION_TIME),
        ],
    )
    if config.batch_size % accelerator.num_processes:
        raise UsageError(
            f"batch_size {config.batch_size} can't be shared by {accelerator.num_processes} "
            "processes; take a multiple"
        )
    return accelerator
