"""`sfumato-distill finetune`: train RTMDet-Ins on classes of one's own."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from distill.cli import arguments

if TYPE_CHECKING:
    from distill.finetune.config import FinetuneConfig

_DESCRIPTION = """\
Fine-tune RTMDet-Ins as a YAML file says: which weights, which images, in which stages. The run
has a folder of its own; the same command goes on with it after a stop or a kill, and does nothing
once it is done. Several GPUs: torchrun --nproc-per-node 4 --no-python sfumato-distill finetune CONFIG.
"""

_EPILOG = """\
  sfumato-distill finetune configs/finetune-bottle.yaml --dry-run
  sfumato-distill finetune configs/finetune-bottle.yaml
  tensorboard --logdir runs/bottle

The folder gets config.yaml (the settings in full), metrics.jsonl (a line for each step),
tensorboard/, batch-STAGE.png (what the network is shown: look at it), best.safetensors and
last.safetensors (averaged weights), table.md (before and after) and snapshot.pt (to go on from).
Paths in CONFIG are relative to CONFIG itself, --out to where you are.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `finetune`."""
    parser = commands.add_parser(
        "finetune",
        help="train a network on classes of your own",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, metavar="CONFIG", help="settings, a YAML file")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the run's folder (default: the config's `run`)"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: a GPU if any"
    )
    arguments.add_training_options(parser, "evaluations of the last stage")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="read everything, say what would be trained, draw batch-STAGE.png, and stop",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from distill.finetune.config import read_config
    from distill.tracker import check_tracker

    config = read_config(args.config)
    if args.out:
        config = config.model_copy(update={"run": args.out.absolute()})
    if args.patience is not None:
        config = config.model_copy(update={"patience": args.patience})
    if args.balance is not None:
        data = config.data.model_copy(update={"balance": args.balance})
        config = config.model_copy(update={"data": data})
    if args.logger:
        config = config.model_copy(update={"logger": args.logger})
    check_tracker(config.logger)
    if args.dry_run:
        return _dry_run(config)
    from distill.files import writing
    from distill.finetune.finetune_folder import FinetuneFolder
    from distill.finetune.trainer import finetune

    folder = FinetuneFolder(config.run)
    with writing(config.run):  # a full disk, wherever in it
        ran = finetune(config, args.device)
    if int(os.environ.get("RANK", "0")):
        return 0  # under torchrun the first process speaks for all
    if not ran:
        print(f"{config.run} is done; give another --out to train anew")
    print(folder.table.read_text("utf-8"), end="")
    print(f"best weights: {folder.best}")
    return 0


def _dry_run(config: FinetuneConfig) -> int:
    from distill.finetune.finetune_folder import FinetuneFolder
    from distill.finetune.initial_weights import initial_network
    from distill.finetune.recorder import draw_samples
    from distill.finetune.samples import Samples
    from distill.finetune.sources import read_sources

    folder = FinetuneFolder(config.run)
    folder.check(config)
    sources = read_sources(config)
    net = initial_network(config.model, config.seed).net
    millions = sum(parameter.numel() for parameter in net.parameters()) / 1e6
    print(
        f"network: rtmdet-ins {config.model.size}, {millions:.1f} M parameters, "
        f"from {config.model.weights or 'random weights'}, finds {', '.join(config.model.classes)}"
    )
    for line in (*sources.lines(), *sources.balance_lines(config)):
        print(line)
    for problem in sources.problems:
        print(f"  {problem}")
    for stage in config.stages:
        images = stage.steps * config.batch_size
        mine = round(images * stage.own_share)
        print(
            f"stage {stage.name}: trains {stage.trains}, {stage.steps} steps, "
            f"{mine} own and {images - mine} public images, lr {stage.lr:g}"
        )
    folder.begin(config)
    draw_samples(folder, config, Samples(config, sources.own, sources.public))
    for stage in config.stages:
        print(f"samples: {folder.samples(stage.name)}")
    return 0
