"""What makes a training of Ultralytics' faster on a CPU, and would not on a GPU."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn


def prepare_for_cpu(student: nn.Module, *, bf16: bool) -> None:
    """Lay a network out for a CPU, and have it train in bfloat16 on request.

    Channels last: a quarter faster (yolo11n-seg, 320 px, bf16).
    """
    student.to(memory_format=torch.channels_last)
    if bf16:
        _train_in_bf16(student)


def _train_in_bf16(student: nn.Module) -> None:
    """What Ultralytics refuses on a CPU: a third faster where the CPU has AMX."""
    stack = ExitStack()

    def enter(_module: nn.Module, _inputs: Any) -> None:
        if student.training:
            stack.enter_context(torch.autocast("cpu", torch.bfloat16))

    student.register_forward_pre_hook(enter)
    student.register_forward_hook(lambda *_: stack.close(), always_call=True)
