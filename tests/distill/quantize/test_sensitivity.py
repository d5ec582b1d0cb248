"""Parts of networks of both families, found by their outputs, and what each loses."""

import pytest

from distill.quantize.graph import read_model
from distill.quantize.heads import heads_of
from distill.quantize.sensitivity import parts_of, rows, sensitivities
from models.importing import import_onnx

pytestmark = pytest.mark.slow


def convolutions(model, parts):
    kinds = {node.name: node.op_type for node in read_model(model).graph.node}
    return {part: sum(kinds[name] == "Conv" for name in nodes) for part, nodes in parts.items()}


def test_the_parts_of_a_yolo(small):
    parts = parts_of(small.model, heads_of(small.manifest))
    assert convolutions(small.model, parts) == {
        "stem": 1,
        "backbone": 26,
        "neck": 18,
        "class tower": 6,
        "last class convolutions": 3,
        "box tower": 6,
        "last box convolutions": 3,
        "coefficient tower": 6,
        "last coefficient convolutions": 3,
        "prototypes": 3,
    }
    every = [name for nodes in parts.values() for name in nodes]
    assert len(every) == len(set(every)) == len(read_model(small.model).graph.node)


def test_the_parts_of_an_rtmdet(seeing_export):
    model = seeing_export[0].read_bytes()
    manifest, _ = import_onnx(model, "x")
    parts = parts_of(model, heads_of(manifest))
    assert {"stem", "backbone", "neck", "class and box tower", "prototypes"} <= parts.keys()
    assert len(parts) <= 13
    assert convolutions(model, parts)["last class convolutions"] == 3
    every = [name for nodes in parts.values() for name in nodes]
    assert len(every) == len(set(every))


def test_each_part_alone_moves_answers_and_the_worst_comes_first(small):
    heads = heads_of(small.manifest)
    frames = list(small.judged)[:4]
    asked = []

    def progress(parts):
        for part in parts:
            asked.append(part)
            yield part

    found = sensitivities(small.model, small.ranges, heads, small.manifest, frames, 0.25, progress)
    assert sorted(one.part for one in found) == sorted(asked)
    assert [one.agreement for one in found] == sorted(one.agreement for one in found)
    moved = {one.part: one.moved for one in found}
    assert moved["backbone"] > moved["last coefficient convolutions"] == 0
    head, *body = rows(found)
    assert len(body) == len(found) <= 13
    assert {len(row) for row in [head, *body]} == {5}
