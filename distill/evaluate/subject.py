"""Subject: what is evaluated, whatever kind of file it comes in.

Weights go through a predictor; an ONNX file or a bundle goes through the device's own code, so
that what is measured is what ships.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from distill.evaluate.evaluator import MIN_SCORE
from distill.files import reading
from models.classes import nearest
from models.decode import decoder_for
from models.errors import UnknownClassError
from models.preprocess import preprocess

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from distill.data.images import Image
    from distill.evaluate.evaluator import Predict
    from distill.predict.predictor import Predictor
    from models.bundle import Bundle
    from models.instances import Instances
    from models.manifest import Manifest, Role
    from models.runtime.network import Network


@dataclass(frozen=True)
class Subject:
    """A network that can be asked.

    Attributes:
        name: for tables.
        sha256: of its file; of a bundle, of the network in it that runs.
        classes: names by class id.
        predict: images to instances that score `MIN_SCORE` or more.
        thresholds: least score at which the device hides an object, by class name; empty where
            nobody has decided.
    """

    name: str
    sha256: str
    classes: Mapping[int, str]
    predict: Predict
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def seeing(self, classes: Sequence[str]) -> Predict:
        """The network as one that knows exactly these classes, matched by name.

        Raises:
            UnknownClassError: it knows one of them not.
        """
        index_of = class_index(self.name, self.classes, classes)
        ask = self.predict

        def predict(images: list[Image]) -> list[Instances]:
            return [renumbered(found, index_of) for found in ask(images)]

        return predict


def class_index(network: str, known: Mapping[int, str], classes: Sequence[str]) -> dict[int, int]:
    """A data set's class ids by a network's, matched by name; other classes are not in it.

    Args:
        network: its name, for a message.
        known: its classes' names by id; a name may stand for several.
        classes: the data set's.

    Raises:
        UnknownClassError: it knows one of them not.
    """
    names = dict.fromkeys(known.values())
    for name in classes:
        if name not in names:
            close = nearest(name, names)
            hint = f"it has '{close}'; " if close else ""
            raise UnknownClassError(
                f"{network} does not know '{name}', which the data set has; {hint}"
                "choose the classes to compare with --classes"
            )
    ours = {name: index for index, name in enumerate(classes)}
    return {number: ours[name] for number, name in known.items() if name in ours}


def renumbered(found: Instances, index_of: Mapping[int, int]) -> Instances:
    """What was seen of a data set's classes, by its class ids; see `class_index`."""
    kept = found.take([i for i, number in enumerate(found.classes.tolist()) if number in index_of])
    classes = np.array([index_of[number] for number in kept.classes.tolist()], np.int64)
    return replace(kept, classes=classes)


def subject_of_manifest(name: str, sha256: str, manifest: Manifest, network: Network) -> Subject:
    """A network as the device runs it: one image a time."""
    decoder, spec = decoder_for(manifest), manifest.input

    def predict(images: list[Image]) -> list[Instances]:
        found = []
        for image in images:
            fed, fit = preprocess(image, spec)
            found.append(decoder.decode(network.run(fed), fit, min_score=MIN_SCORE))
        return found

    return Subject(name, sha256, {spec.id: spec.name for spec in manifest.classes}, predict)


def subject_of_bundle(
    name: str, bundle: Bundle, threads: int, precision: Role | None = None
) -> Subject:
    """A verified bundle, or one file of it.

    Args:
        name: for tables.
        bundle: verified.
        threads: threads that share the work of one run.
        precision: this file; None for what suits this machine best.

    Raises:
        BundleError: the bundle has no file of this precision.
        ModelError: nothing of it can be run.
    """
    from models.runtime.choose import choose_network  # noqa: PLC0415 only where it is run

    manifest = bundle.manifest
    chosen = choose_network(bundle, threads=threads, precision=precision)
    subject = subject_of_manifest(name, chosen.sha256, manifest, chosen.network)
    role = chosen.precision
    thresholds = {spec.name: manifest.threshold(spec.name, role) for spec in manifest.classes}
    called = f"{name} ({role})" if len(manifest.files) > 1 else name
    return replace(subject, name=called, thresholds=thresholds)


def subject_of_onnx(path: Path, threads: int) -> Subject:
    """An ONNX file that says itself what it is.

    Raises:
        InputError: it can't be read.
        ModelError: it can't be run, or doesn't say.
    """
    from models.importing import import_onnx  # noqa: PLC0415 only where it is run
    from models.manifest import MAX_MODEL_BYTES  # noqa: PLC0415
    from models.onnx_file.embed import read_onnx  # noqa: PLC0415
    from models.runtime.onnxruntime import OnnxRuntimeNetwork  # noqa: PLC0415

    with reading(path):
        data = read_onnx(path, MAX_MODEL_BYTES)
    manifest, _ = import_onnx(data, "evaluated")
    network = OnnxRuntimeNetwork(data, threads, inputs=manifest.inputs(), outputs=manifest.outputs)
    return subject_of_manifest(path.stem, hashlib.sha256(data).hexdigest(), manifest, network)


def subject_of_weights(path: str, size: int | None, device: str) -> Subject:
    """A checkpoint, or a network by its name.

    Raises:
        InputError: it is not there.
        ModelError: it can't be used.
    """
    from distill.predict.open import load_teacher  # noqa: PLC0415 torch takes a second

    predictor: Predictor = load_teacher(path, image_size=size, device=device, as_device=True)

    def predict(images: list[Image]) -> list[Instances]:
        return predictor.predict(images, min_score=MIN_SCORE)

    classes = dict(enumerate(predictor.classes))
    return Subject(Path(path).stem, predictor.sha256, classes, predict)
