"""The table, as people read it."""

from distill.quantize.judged_table import markdown, markdown_rows, rows
from distill.quantize.quantize_record import Figure, FileRecord, QuantizeRecord
from models.manifest import NETWORK_PATHS


def record(**failed):
    figures = {
        "fp32": {
            "mask_map": Figure(value=0.2981, low=0.251, high=0.34),
            "milliseconds": Figure(value=105.3, low=104, high=107),
        },
        "uint8": {
            "mask_map": Figure(
                value=0.2903, low=0.25, high=0.33, change=-0.0078, change_low=-0.015, change_high=0.001
            ),
            "agreement": Figure(value=0.931, low=0.92, high=0.94),
            "score_shift": Figure(value=-0.008, low=-0.01, high=-0.006),
            "milliseconds": Figure(value=73.1, low=73, high=74),
        },
        "int8": {"milliseconds": Figure(value=190.0, low=189, high=191), "agreement": Figure()},
    }  # fmt: skip
    files = {
        role: FileRecord(
            file=NETWORK_PATHS[role],
            sha256="0" * 64,
            bytes=13_800_000 if role == "fp32" else 4_100_000,
            figures=own,
            bounds={},
            failed=failed.get(role, ()),
        )
        for role, own in figures.items()
    }
    return QuantizeRecord(
        student="street",
        student_sha256="1" * 64,
        sizes=((640, 640), (640, 384)),
        ranges="percentile",
        confidence=0.25,
        calibration_frames=200,
        judged_frames=300,
        judged_at={"640x640": 28, "640x384": 400, "384x640": 0},
        labelled_images=128,
        precisions=files,
    )


def test_a_row_a_figure_and_a_column_a_file():
    assert rows(record(int8=("agreement is 0.5",))) == [
        ["", "FP32", "UINT8", "INT8"],
        ["bytes", "13.80 MB", "4.10 MB (30 %)", "4.10 MB (30 %)"],
        ["mask mAP, %", "29.81 [25.10, 34.00]", "29.03; -0.78 [-1.50, +0.10]", "-"],
        ["agreement with FP32 (F1)", "-", "0.931 [0.920, 0.940]", "-"],
        ["mean score shift", "-", "-0.0080 [-0.0100, -0.0060]", "-"],
        [
            "network, CPU ms",
            "105.3 [104.0, 107.0]",
            "73.1; 1.44x",
            "190.0; 0.55x (made for TensorRT)",
        ],
        ["verdict", "the reference", "passes", "refused"],
    ]


def test_markdown_says_what_was_judged_and_what_was_refused():
    text = markdown(record(int8=("agreement is 0.5",)), ["", *markdown_rows([["a"], ["b"]])])
    assert text.startswith("# street, quantised\n\nSizes 640x640, 640x384; ranges by percentile on")
    assert "128 images (28 at 640x640, 400 at 640x384), from a score of 0.25" in text
    assert "| bytes | 13.80 MB | 4.10 MB (30 %) | 4.10 MB (30 %) |" in text
    assert "\n- model.int8.onnx: agreement is 0.5\n" in text
    assert text.endswith("\n| a |\n|---|\n| b |\n")
    assert "- model" not in markdown(record())


def test_a_record_is_read_as_it_was_written(tmp_path):
    record().write(tmp_path)
    assert QuantizeRecord.read(tmp_path) == record()
