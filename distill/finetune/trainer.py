"""Trainer: the loop that fine-tunes RTMDet-Ins, top to bottom.

What has to hold, in this order: a step's images depend on its number alone; a step is logged
after its update; an evaluation belongs to the steps before it; a snapshot comes last. Whatever a
kill leaves behind, the run then goes on from a snapshot and does every later step again.
"""

from __future__ import annotations

import math
import time
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader

from distill.data.next_readable import plain_errors
from distill.errors import TrainingError, UsageError
from distill.finetune.batch import batch_of
from distill.finetune.ema import Ema
from distill.finetune.finetune_folder import FinetuneFolder
from distill.finetune.initial_weights import InitialNetwork, initial_network
from distill.finetune.machine import accelerator_for
from distill.finetune.optimizer import build_optimizer, set_learning_rate, set_trained, trained
from distill.finetune.recorder import (
    NO_MAP,
    Recorder,
    draw_samples,
    first_lines,
    write_failed_batch,
)
from distill.finetune.samples import Samples, Steps
from distill.finetune.schedule import learning_rate, position_of
from distill.finetune.snapshot import Snapshot, load_tensors, read_snapshot, tensors_of
from distill.finetune.sources import read_sources
from distill.rtmdet.criterion import Criterion
from models.nets.rtmdet_ins import RTMDetIns
from models.nets.state import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from accelerate import Accelerator
    from torch import Tensor

    from distill.finetune.auxiliary_losses import AuxiliaryLosses
    from distill.finetune.batch import Batch
    from distill.finetune.config import FinetuneConfig


def finetune(
    config: FinetuneConfig,
    device: str = "auto",
    auxiliary: Callable[[RTMDetIns, torch.device], AuxiliaryLosses] | None = None,
) -> bool:
    """Run a fine-tuning, or what is left of it; everything lands in `config.run`.

    Args:
        config: the run.
        device: auto, cpu or cuda.
        auxiliary: makes the losses beside those on labels for the network, which is on that
            device by then.

    Returns:
        Whether there was anything left to do.

    Raises:
        UsageError: settings, folder, data and device don't go together.
        InputError: data can't be used.
        ModelError: the weights to start from can't be used.
        OutputError: the folder can't be written to.
        TrainingError: a loss is not finite, or the snapshot is damaged.
    """
    accelerator = accelerator_for(config, device)
    folder = FinetuneFolder(config.run)
    folder.check(config)
    snapshot = read_snapshot(folder.snapshot)
    if snapshot and snapshot.ends(config):
        return False
    sources = read_sources(config)
    if snapshot and snapshot.data_sha256 != sources.sha256:
        raise UsageError(
            f"the data has changed since {folder.path} was begun; give another --out, or delete "
            "the folder to begin anew"
        )

    if snapshot:  # the weights of the start may be gone, or others, by now
        fresh = RTMDetIns(config.model.size, len(config.model.classes))
        start = InitialNetwork(fresh, snapshot.source, snapshot.source_sha256)
    else:
        start = initial_network(config.model, config.seed)
    net, done, best, stale = start.net, 0, NO_MAP, 0
    ema = Ema(net, config.ema_momentum, config.steps)
    if snapshot:
        load_tensors(net, snapshot.net)
        load_tensors(ema.net, snapshot.ema)
        done, best, stale = snapshot.step, snapshot.best, snapshot.stale
    for each in (net, ema.net):
        each.to(accelerator.device).to(memory_format=torch.channels_last)
    extra = auxiliary(net, accelerator.device) if auxiliary else None
    if extra and snapshot:
        extra.module.load_state_dict(snapshot.auxiliary)
    others = list(extra.module.parameters()) if extra else []
    optimizer = build_optimizer(net, config.optimizer.weight_decay, others)
    model, optimizer = accelerator.prepare(net, optimizer)
    if snapshot:
        optimizer.load_state_dict(snapshot.optimizer)
        if accelerator.scaler and snapshot.scaler:  # else it was begun on another device
            accelerator.scaler.load_state_dict(snapshot.scaler)
    criterion = Criterion()

    samples = Samples(config, sources.own, sources.public)
    steps = Steps(config, done, accelerator.process_index, accelerator.num_processes)
    loader = DataLoader(samples, batch_sampler=steps, collate_fn=list, num_workers=config.workers)
    accelerator.wait_for_everyone()  # every process has looked at the folder
    recorder = None
    if accelerator.is_main_process:
        recorder = Recorder(folder, config, start, done, best, stale)
    with closing(recorder) if recorder else nullcontext():
        if recorder:
            balance = sources.balance_lines(config)
            recorder.say([*sources.lines(), *balance, *first_lines(sources.problems)])
            if done == 0:
                draw_samples(folder, config, samples)
                recorder.evaluate(ema.net, sources.val, accelerator.device, 0, "start")
            else:
                recorder.say([f"going on from step {done} of {config.steps}"])

        before = time.perf_counter()
        for loaded in plain_errors(loader):
            loaded_at = time.perf_counter()
            position = position_of(config, done)
            if position.step == 0 or done == steps.first:
                set_trained(net, position.stage)
            rate = learning_rate(config, done)
            set_learning_rate(optimizer, rate, position.stage)

            batch = batch_of(loaded, accelerator.device)
            raw = model(batch.images)
            losses = criterion(raw, batch.targets)
            if extra:
                with accelerator.autocast():
                    losses |= extra.losses(raw, batch, done)
            values = _means(accelerator, losses)
            _stop_unless_finite(values, folder, done + 1, batch)
            accelerator.backward(torch.stack(list(losses.values())).sum())
            learning = [*trained(net), *others]
            norm = accelerator.clip_grad_norm_(learning, config.optimizer.clip_norm).item()
            if not accelerator.scaler:  # which would leave the step out and shrink its scale
                _stop_unless_finite({"the gradient": norm}, folder, done + 1, batch)
            optimizer.step()
            optimizer.zero_grad()
            ema.update(net, done)
            done += 1

            ends = position.step + 1 == position.stage.steps
            measures = ends or done % config.evaluate_every == 0
            if recorder:
                now = time.perf_counter()
                recorder.say(batch.problems)
                recorder.step(
                    done,
                    position.stage.name,
                    values,
                    lr=rate,
                    grad_norm=norm if math.isfinite(norm) else None,
                    seconds=round(now - before, 4),
                    images_per_s=round(config.batch_size / (now - before), 2),
                    loading_share=round((loaded_at - before) / (now - before), 3),
                )
                if measures:
                    over = position.stage.name if ends else ""
                    recorder.evaluate(ema.net, sources.val, accelerator.device, done, over)
            stops = measures and _stops(accelerator, config, recorder)
            if recorder and (stops or done == config.steps or done % config.checkpoint_every == 0):
                state = Snapshot(
                    step=done,
                    net=tensors_of(net),
                    ema=tensors_of(ema.net),
                    optimizer=optimizer.state_dict(),
                    scaler=accelerator.scaler.state_dict() if accelerator.scaler else {},
                    best=recorder.best,
                    data_sha256=sources.sha256,
                    source=start.source,
                    source_sha256=start.source_sha256,
                    auxiliary=plain(extra.module.state_dict()) if extra else {},
                    stale=recorder.stale,
                )
                recorder.snapshot(ema.net, state)
            if stops:
                break
            before = time.perf_counter()
    accelerator.wait_for_everyone()  # the first process may still measure and write
    accelerator.end_training()
    return True


def _stops(accelerator: Accelerator, config: FinetuneConfig, recorder: Recorder | None) -> bool:
    """Whether all processes end here, because the first has seen nothing better for too long."""
    if not config.patience:
        return False
    if recorder and recorder.stale >= config.patience:
        recorder.say([f"no better in {recorder.stale} evaluations; that is the end of the run"])
        accelerator.set_trigger()
    return bool(accelerator.check_trigger())


def _means(accelerator: Accelerator, losses: dict[str, Tensor]) -> dict[str, float]:
    """The losses' means over all processes."""
    mine = torch.stack([loss.detach().float() for loss in losses.values()])
    return dict(zip(losses, accelerator.reduce(mine, "mean").tolist(), strict=True))


def _stop_unless_finite(
    values: dict[str, float], folder: FinetuneFolder, step: int, batch: Batch
) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            write_failed_batch(folder.failed_batch, step, name, batch)
            raise TrainingError(
                f"{name} is not finite at step {step}; the images of the batch are named in "
                f"{folder.failed_batch}, the last snapshot stays; look at their labels, or lower "
                "lr and begin anew with another --out"
            )
