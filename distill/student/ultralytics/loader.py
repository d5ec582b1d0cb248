"""Loader: fixed shares of both kinds of images, and the same ones again in a run that is resumed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ultralytics.data.build import InfiniteDataLoader, seed_worker

from distill.data.repeat_factors import repeat_factors
from distill.student.ultralytics.sampler import ShareSampler

if TYPE_CHECKING:
    from distill.student.config import DistillConfig
    from distill.student.training_images import TrainingImages
    from distill.student.ultralytics.dataset import RecordDataset


def training_loader(
    dataset: RecordDataset,
    images: TrainingImages,
    config: DistillConfig,
    *,
    batch_size: int,
    workers: int,
    pin_memory: bool,
    rank: int,
    processes: int,
) -> InfiniteDataLoader:
    """What gives a process its batches, epoch after epoch.

    Args:
        dataset: of labelled and then of pseudo-labelled images.
        images: the same.
        config: the run.
        batch_size: images a step of this process.
        workers: processes that load; 0 loads between steps.
        pin_memory: whether batches go on to a GPU.
        rank: number of this process.
        processes: how many share an epoch.
    """
    balance = config.data.balance
    sampler = ShareSampler(
        len(images.labelled),
        len(images.pseudo),
        share=config.data.labelled_share,
        images=config.schedule.images_per_epoch,
        seed=config.seed,
        rank=rank,
        processes=processes,
        factors=(
            (repeat_factors(images.labelled, balance), repeat_factors(images.pseudo, balance))
            if balance
            else None
        ),
    )
    generator = torch.Generator()
    generator.manual_seed(config.seed)
    return InfiniteDataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        pin_memory=pin_memory,
        collate_fn=dataset.collate_fn,
        worker_init_fn=seed_worker,
        generator=generator,
    )


def begin_epoch(loader: Any, epoch: int, seed: int) -> None:
    """Have everything random of an epoch follow from its seed, whatever was drawn before.

    Args:
        loader: what `training_loader` gave.
        epoch: counted from 0.
        seed: of this epoch and process, less than 2 ** 32.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 what Ultralytics' augmentation draws from
    torch.manual_seed(seed)
    loader.reset()  # its processes have begun the next epoch, with what they drew before
    loader.generator.manual_seed(seed)  # theirs come from it
    loader.sampler.set_epoch(epoch)
    dataset = loader.dataset  # its latest images are what mosaics are made of
    for number in dataset.buffer:
        dataset.ims[number] = None
    dataset.buffer.clear()
