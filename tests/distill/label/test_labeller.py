"""Labeller: from clips to a data set, whatever happens in between."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from halting import kill_once_halted, wait_until_halted
from PIL import Image

from distill.cli import main
from distill.cli.label import label
from distill.data import rle
from distill.data.coco import CocoDataset
from distill.errors import InputError, OutputError, UsageError
from distill.label.progress_log import NAME
from tests.distill.label import blobs
from tests.distill.label.blobs import (
    BlobTeacher,
    doubtful,
    scene,
    settings,
    write_clip,
    write_interlaced,
)

pytestmark = pytest.mark.slow  # each labels clips
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Three clips; the first has a cut, the last has another clip's name."""
    folder = tmp_path_factory.mktemp("clips")
    other = folder / "other"
    other.mkdir()
    cut = [scene(i) for i in range(16)] + [scene(i, seed=7) for i in range(16)]
    return [
        write_clip(folder / "a.mp4", cut),
        write_clip(folder / "b c.mp4", [scene(i, seed=2, box=False) for i in range(20)]),
        write_clip(other / "a.mp4", [scene(i, seed=3, ball=False) for i in range(20)]),
    ]


@pytest.fixture(scope="module")
def labelled(clips, tmp_path_factory):
    """A data set of these clips, the ball being doubted in every fifth frame."""
    folder = tmp_path_factory.mktemp("labelled") / "set"
    code = label(clips, BlobTeacher(doubtful), settings(), folder)
    assert code == 0
    return folder


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def started(folder, clips, halts_before=0):
    """A process that labels."""
    return subprocess.Popen(
        [sys.executable, blobs.__file__, str(folder), str(halts_before), *map(str, clips)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def test_labels_are_where_the_shapes_are(labelled):
    dataset = CocoDataset.read(labelled / "annotations.json")
    assert dataset.classes == ("ball", "box")
    assert not dataset.problems
    assert len(dataset.images) == 16 + 10 + 10
    seeds = {"b_c": 2}
    for image in dataset.images:
        seed = seeds.get(image.clip)
        if seed is None:
            continue
        red = scene(image.frame, seed, box=False).astype(int)
        truth = red[..., 0] - red[..., 1:].max(axis=2) > 90
        [found] = [a for a in image.annotations if a.class_id == 0]
        mask = rle.decode(found.rle) > 0
        assert (mask & truth).sum() / (mask | truth).sum() > 0.9
        assert found.box == rle.box(found.rle)
        assert np.abs(image.read().astype(int) - red).mean() < 4


def test_tracks_never_cross_a_cut_and_ids_are_unique_in_the_set(labelled):
    dataset = CocoDataset.read(labelled / "annotations.json")
    homes = {}
    for image in dataset.images:
        for one in image.annotations:
            part = (image.clip, image.clip == dataset.images[0].clip and image.frame >= 16)
            homes.setdefault(one.track_id, set()).add((part, one.class_id))
    assert len(homes) == 4 + 1 + 1
    assert all(len(home) == 1 for home in homes.values())


def test_doubts_are_crowd_and_come_up_for_review(labelled):
    master = json.loads((labelled / "annotations.json").read_bytes())
    review = json.loads((labelled / "review.json").read_bytes())
    doubted = [a for a in master["annotations"] if a["band"] == "review"]
    assert doubted
    assert all(a["iscrowd"] == 1 and a["score"] == 0.4 for a in doubted)
    assert all(a["iscrowd"] == 0 for a in master["annotations"] if a["band"] == "accept")
    assert {i["id"] for i in review["images"]} == {a["image_id"] for a in doubted}


def test_clips_are_split_whole_and_of_one_name_are_kept_apart(labelled):
    parts = [CocoDataset.read(labelled / f"{name}.json") for name in ("train", "val")]
    homes = [{image.clip for image in part.images} for part in parts]
    assert not homes[0] & homes[1]
    assert [len(home) for home in homes] == [2, 1]
    names = homes[0] | homes[1]
    assert "b_c" in names
    assert sum(name.startswith("a-") for name in names) == 2


def test_of_one_clip_nothing_stays_held_out_once_it_is_learned_from_again(clips, tmp_path):
    folder = tmp_path / "set"
    label(clips[1:2], BlobTeacher(), settings(), folder)
    assert main(["labels", "split", str(folder)]) == 0
    before = (folder / "val.json").read_bytes()
    assert label(clips[1:2], BlobTeacher(), settings(), folder) == 0  # nothing is new
    assert (folder / "val.json").read_bytes() == before
    (folder / "annotations.json").unlink()
    assert label(clips[1:2], BlobTeacher(), settings(), folder) == 0
    assert len(CocoDataset.read(folder / "train.json").images) == 10
    assert not (folder / "val.json").exists()
    assert (folder / "val.json.1").read_bytes() == before


def test_provenance_says_what_became_of_every_frame(labelled, clips):
    info = CocoDataset.read(labelled / "annotations.json").info
    assert info["teacher"] == {"name": "blobs", "sha256": "ab" * 32}
    assert info["classes"] == ["ball", "box"]
    assert info["settings"]["accept"] == 0.5
    assert [clip["file"] for clip in info["clips"]] == [clip.name for clip in clips]
    for clip in info["clips"]:
        gone = sum(clip["frames_dropped"].values())
        assert clip["frames_seen"] == clip["frames_labelled"] + gone


def test_a_second_run_changes_nothing_and_says_so(labelled, clips, capsys):
    before = contents(labelled)
    teacher = BlobTeacher()
    assert label(clips, teacher, settings(), labelled) == 0
    assert teacher.asked == 0
    assert contents(labelled) == before
    assert "nothing is new" in capsys.readouterr().out


def test_more_clips_extend_a_set_and_leave_its_ids(clips, tmp_path):
    teacher = BlobTeacher(doubtful)
    assert label(clips[1:2], teacher, settings(), tmp_path / "set") == 0
    assert not (tmp_path / "set" / "val.json").exists()
    first = json.loads((tmp_path / "set" / "annotations.json").read_bytes())
    assert label(clips[2:], teacher, settings(), tmp_path / "set") == 0
    second = json.loads((tmp_path / "set" / "annotations.json").read_bytes())
    assert second["images"][:10] == first["images"]
    assert second["annotations"][: len(first["annotations"])] == first["annotations"]
    assert (tmp_path / "set" / "val.json").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accept": 0.6}, "--accept 0.5, not 0.6"),
        ({"classes": ("ball",)}, "--classes ball,box, not ball"),
        ({"teacher_sha256": "cd" * 32}, "abababab.*not .*cdcdcdcd"),
        ({"tta": "flip"}, "--tta none, not flip"),
    ],
)
def test_other_settings_on_the_same_set_are_refused(labelled, clips, changes, words):
    before = contents(labelled)
    with pytest.raises(UsageError, match=words) as caught:
        label(clips, BlobTeacher(), replace(settings(), **changes), labelled)
    assert "\n" not in str(caught.value)
    assert "new folder" in str(caught.value)
    assert contents(labelled) == before


def test_a_folder_of_other_things_is_left_alone(clips, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        label(clips, BlobTeacher(), settings(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_people_have_corrected_is_never_written_over(clips, tmp_path):
    folder = tmp_path / "set"
    label(clips[1:2], BlobTeacher(), settings(), folder)
    master = folder / "annotations.json"
    corrected = master.read_bytes().replace(b'"iscrowd": 0', b'"iscrowd": 1', 1)
    master.write_bytes(corrected)
    assert label(clips[1:2], BlobTeacher(), settings(), folder) == 0
    with pytest.raises(UsageError, match="corrected"):
        label(clips[1:], BlobTeacher(), settings(), folder)
    assert master.read_bytes() == corrected


def test_bad_clips_are_named_and_skipped_and_the_rest_goes_on(clips, tmp_path, capsys):
    empty, text, broken, gone = (tmp_path / f"{name}.mp4" for name in ("e", "t", "b", "gone"))
    empty.write_bytes(b"")
    text.write_text("this is no film\n" * 40)
    broken.write_bytes(clips[2].read_bytes()[:3000])
    tail = tmp_path / "tail.mp4"
    tail.write_bytes(clips[1].read_bytes() + bytes(range(256)) * 20)
    given = [empty, text, broken, gone, tail]
    assert label(given, BlobTeacher(), settings(), tmp_path / "set") == 0
    said = capsys.readouterr()
    for path in given:
        assert sum(str(path) in line for line in said.err.splitlines()) == 1, said.err
    dataset = CocoDataset.read(tmp_path / "set" / "annotations.json")
    assert {image.clip for image in dataset.images} == {"tail"}
    assert {one["file"] for one in dataset.info["not_decoded"]} == {"e.mp4", "t.mp4", "b.mp4"}
    before = contents(tmp_path / "set")
    assert label(given, BlobTeacher(), settings(), tmp_path / "set") == 0
    assert contents(tmp_path / "set") == before


def test_no_clip_at_all_is_an_error(tmp_path):
    empty = tmp_path / "e.mp4"
    empty.write_bytes(b"")
    with pytest.raises(InputError, match="nothing was labelled"):
        label([empty], BlobTeacher(), settings(), tmp_path / "set")


def test_an_image_that_was_lost_is_labelled_again(clips, tmp_path):
    folder = tmp_path / "set"
    label(clips[1:2], BlobTeacher(), settings(), folder)
    before = contents(folder)
    (folder / "images" / "b_c" / "000004.jpg").unlink()
    teacher = BlobTeacher()
    label(clips[1:2], teacher, settings(), folder)
    assert 0 < teacher.asked <= 4
    after = contents(folder)
    assert {key: data for key, data in after.items() if key != NAME} == {
        key: data for key, data in before.items() if key != NAME
    }


def test_an_image_is_replaced_and_never_written_over(clips, tmp_path):
    """What else has the same bytes by a hard link, an export for one, keeps them."""
    folder = tmp_path / "set"
    label(clips[1:2], BlobTeacher(), settings(), folder)
    image = folder / "images" / "b_c" / "000004.jpg"
    whole = image.read_bytes()
    image.write_bytes(whole[:100])
    (tmp_path / "linked.jpg").hardlink_to(image)
    image.with_name(".000004.jpg").write_bytes(whole[:50])  # and a kill came while it was written
    label(clips[1:2], BlobTeacher(), settings(), folder)
    assert image.read_bytes() == whole
    assert (tmp_path / "linked.jpg").read_bytes() == whole[:100]
    assert not list(image.parent.glob(".*"))


def test_an_interlaced_clip_is_labelled_like_any_other(tmp_path):
    tape = write_interlaced(tmp_path / "tape.mp4")
    folder = tmp_path / "set"
    assert label([tape], BlobTeacher(), settings(), folder) == 0
    dataset = CocoDataset.read(folder / "annotations.json")
    assert {image.clip for image in dataset.images} == {"tape"}
    assert not dataset.info["not_decoded"]


def test_the_summary_says_what_to_do_next(clips, tmp_path, capsys):
    doubted, sure = tmp_path / "in doubt", tmp_path / "sure"
    label(clips[1:2], BlobTeacher(doubtful), settings(), doubted)
    said = capsys.readouterr().out
    assert f"look at every page in {doubted / 'sheets'}" in said
    [command] = [line.split("you do: ")[1] for line in said.splitlines() if "labels export" in line]
    assert shlex.split(command)[3] == str(doubted / "review.json")
    label(clips[1:2], BlobTeacher(), settings(), sure)
    said = capsys.readouterr().out
    assert f"look at every page in {sure / 'sheets'}" in said
    assert "labels export" not in said


def test_a_second_run_beside_the_first_ends_with_one_line(clips, tmp_path):
    """Until the first one is killed."""
    folder = tmp_path / "set"
    process = started(folder, clips[1:2], halts_before=1)
    try:
        wait_until_halted(process)
        with pytest.raises(UsageError, match=r"another run is at work in .*set; wait") as caught:
            label(clips[1:2], BlobTeacher(), settings(), folder)
        assert "\n" not in str(caught.value)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    assert label(clips[1:2], BlobTeacher(), settings(), folder) == 0


def test_a_torn_last_line_of_the_journal_is_cut_away(clips, tmp_path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for folder in (whole, torn):
        label(clips[1:2], BlobTeacher(), settings(), folder)
    lines = (torn / NAME).read_bytes().splitlines(keepends=True)
    frames = [i for i, line in enumerate(lines) if b'"frames"' in line]
    (torn / NAME).write_bytes(b"".join(lines[: frames[1]]) + lines[frames[1]][:50])
    (torn / "annotations.json").unlink()
    teacher = BlobTeacher()
    label(clips[1:2], teacher, settings(), torn)
    assert teacher.asked == 6
    assert contents(torn) == contents(whole)


def test_flip_tta_labels_the_same_world(clips, tmp_path):
    teacher = BlobTeacher()
    label(clips[1:2], teacher, settings(tta="flip"), tmp_path / "set")
    assert teacher.asked == 20
    bands = [
        one.band
        for image in CocoDataset.read(tmp_path / "set" / "annotations.json").images
        for one in image.annotations
    ]
    assert bands == ["accept"] * 10


def test_after_kill_9_the_same_set_comes_out(clips, labelled, tmp_path):
    """Killed twice, once in a batch and once in a later clip, then left to finish."""
    folder = tmp_path / "set"
    for batch, kind in ((2, b'"frames"'), (5, b'"done"')):
        process = started(folder, clips, batch)
        kill_once_halted(process)
        assert kind in (folder / NAME).read_bytes()
        assert not (folder / "annotations.json").exists()
    done = started(folder, clips)
    _, said = done.communicate(timeout=600)
    assert done.returncode == 0, said
    expected, found = contents(labelled), contents(folder)
    assert found.keys() == expected.keys()
    assert sum(name.endswith(".jpg") for name in found) == 36
    for name in ("annotations.json", "train.json", "val.json"):
        assert found[name] == expected[name]


def test_every_clip_gets_sheets_that_can_be_looked_at(labelled):
    sheets = sorted((labelled / "sheets").iterdir())
    assert len(sheets) == 3
    with Image.open(sheets[0]) as sheet:
        colours = np.asarray(sheet.convert("RGB")).reshape(-1, 3)
    for green_amber in ((64, 220, 110), (255, 178, 20)):
        assert (np.abs(colours.astype(int) - green_amber).max(axis=1) < 3).sum() > 100
