"""`sfumato blur`, as typed: what it does, and the one line with which it refuses."""

import contextlib
import fcntl
import itertools
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from networks import PLACE, network
from worlds import Thing, World, covered_whole, leaks, linear, lumas, until, write_world_bundle

from agent.cli import main
from models.archive import read_archive, write_archive
from models.signing import PrivateKey

ROOT = Path(__file__).resolve().parents[3]
LONG_S = 180
"""What a test waits at most for another process."""


@pytest.fixture(scope="module")
def world():
    """Somebody stands where the network looks."""
    x0, y0, x1, y1 = PLACE
    return World(Thing(linear(x0, y0), (x1 - x0, y1 - y0)))


@pytest.fixture(scope="module")
def clip(world, tmp_path_factory):
    return world.write(tmp_path_factory.mktemp("clip") / "street.mp4")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_world_bundle(tmp_path_factory.mktemp("bundle") / "world.sfm", network())


@pytest.fixture
def sfumato(capsys, bundle):
    """Run `sfumato blur`: exit code and what was said on standard error."""

    def run(*words, model=bundle, unsigned=True):
        trust = ["--allow-unsigned"] if unsigned else []
        code = main(["blur", *map(str, words), "--model", str(model), *trust])
        out, err = capsys.readouterr()
        assert out == ""
        return code, err

    return run


@pytest.fixture
def refused(sfumato, tmp_path):
    """Run a command that must end with one line, this exit code, and no file more than before."""

    def run(code, about, *words, **how):
        before = {path: path.stat().st_size for path in tmp_path.rglob("*")}
        ended, said = sfumato(*words, **how)
        assert ended == code, said
        assert said.startswith("sfumato: ")
        assert said.endswith("\n")
        assert said.count("\n") == 1, said
        assert about in said
        assert "Traceback" not in said
        assert {path: path.stat().st_size for path in tmp_path.rglob("*")} == before

    return run


SOLID = ("--effect", "solid", "--crf", "10", "--margin", "0.06")


# What it does.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "warned"),
    [
        ([], False),
        (["--effect", "solid"], False),
        (["--effect", "blur"], True),
        (["--effect", "blur", "--boxes", "--i-know-this-is-not-redacted"], False),
    ],
)
def test_a_weak_effect_on_plates_is_warned_of(sfumato, clip, tmp_path, words, warned):
    model = write_world_bundle(tmp_path / "p.sfm", network(), names=("plate", "car", "cow"))
    code, said = sfumato(clip, tmp_path / "out.mp4", *words, model=model)
    assert code == 0
    assert ("warning: --effect blur" in said) == warned


def test_a_video_is_redacted_and_summed_up(sfumato, clip, tmp_path):
    report = tmp_path / "r.json"
    code, said = sfumato(clip, tmp_path / "out.mp4", *SOLID, "--report", report)
    assert code == 0
    assert "40 frames, 9 detections, 1 object hidden" in said
    pictures = lumas(tmp_path / "out.mp4")
    assert len(pictures) == 40
    assert leaks(pictures) == {}
    assert covered_whole(pictures) == []
    told = json.loads(report.read_text())
    assert told["frames"]["written"] == 40
    assert told["tracks"] == [{"number": 1, "label": "person", "first": 0, "last": 39}]


def test_where_time_bounds_the_interval_it_is_said(sfumato, tmp_path):
    clip = World(frames=6).write(tmp_path / "lapse.mp4", pts=range(6), time_base=Fraction(1, 2))
    said = sfumato(clip, tmp_path / "out.mp4")[1]
    assert "frames a second every frame is looked at (--max-gap 0.17)" in said
    assert "6 frames, 6 detections" in said
    code, said = sfumato(clip, tmp_path / "rare.mp4", "--max-gap", "10")
    assert code == 0
    assert "6 frames, 2 detections" in said


def test_how_long_a_detection_may_take_is_for_the_user_to_say(sfumato, clip, tmp_path):
    report = tmp_path / "r.json"
    words = clip, tmp_path / "out.mp4", "--detect-timeout", "99", "--report", report
    code, said = sfumato(*words)
    assert code == 0, said
    assert json.loads(report.read_text())["settings"]["detect_timeout_s"] == 99


def test_the_output_has_a_name_of_its_own_by_default(sfumato, clip, tmp_path):
    source = tmp_path / "street.mp4"
    source.write_bytes(clip.read_bytes())
    assert sfumato(source, *SOLID)[0] == 0
    assert leaks(lumas(tmp_path / "street.redacted.mp4")) == {}
    assert source.read_bytes() == clip.read_bytes()


def test_folders_and_files_go_to_out_dir(sfumato, clip, tmp_path):
    folder, out = tmp_path / "clips", tmp_path / "redacted"
    folder.mkdir()
    for name in ("a.mp4", "b.MKV", "c.txt"):
        (folder / name).write_bytes(clip.read_bytes())
    code, said = sfumato(folder, clip, "--out-dir", out, *SOLID, "--report", tmp_path / "r.json")
    assert code == 0, said
    assert f"passed over: {folder / 'c.txt'}: .txt is no suffix of videos" in said
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "b.MKV", "street.mp4"]
    assert all(leaks(lumas(path)) == {} for path in out.iterdir())
    assert len(json.loads((tmp_path / "r.json").read_text())) == 3


def test_one_bad_input_does_not_keep_the_others_from_being_done(sfumato, clip, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    other = tmp_path / "other.mp4"
    other.write_bytes(clip.read_bytes())
    code, said = sfumato(clip, bad, other, "--out-dir", tmp_path / "out", *SOLID)
    assert code == 3
    assert f"{bad}: " in said
    assert "going on" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["other.mp4", "street.mp4"]
    assert all(leaks(lumas(path)) == {} for path in (tmp_path / "out").iterdir())


def test_what_is_not_asked_for_is_not_hidden(sfumato, clip, tmp_path):
    code, said = sfumato(clip, tmp_path / "out.mp4", *SOLID, "--classes", "car")
    assert code == 0
    assert "0 objects hidden" in said
    assert len(leaks(lumas(tmp_path / "out.mp4"))) == 40


def test_boxes_need_to_be_said_twice(sfumato, refused, clip, tmp_path):
    out = tmp_path / "out.mp4"
    refused(2, "--i-know-this-is-not-redacted", clip, out, "--boxes")
    code, said = sfumato(clip, out, "--boxes", "--i-know-this-is-not-redacted")
    assert code == 0
    assert "NOT redacted" in said
    assert len(leaks(lumas(out))) == 40


def test_a_network_that_gives_nan_covers_every_frame(sfumato, clip, tmp_path):
    """The real path: ONNX Runtime ran, and what it gave is refused."""
    model = write_world_bundle(tmp_path / "nan.sfm", network(float("nan")))
    code, said = sfumato(clip, tmp_path / "out.mp4", *SOLID, model=model)
    assert code == 0
    assert "40 frames covered whole: no valid result" in said
    assert covered_whole(lumas(tmp_path / "out.mp4")) == list(range(40))


@pytest.mark.parametrize("command", [[], ["blur"], ["model"], ["model", "import"]])
def test_help_teaches(capsys, command):
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert ("exit codes" if not command else f"sfumato {command[0]}") in said
    if command == ["blur"]:
        assert "sfumato blur street.mp4 out.mp4 --model person.sfm" in said
        assert "--every auto" in said


# What it refuses: inputs.


def sound_only(path):
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        sound = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        sound.sample_rate = 48000
        output.mux(stream.encode(sound))
        output.mux(stream.encode(None))
    return path


def test_inputs_that_are_no_video(refused, tmp_path):
    empty, text, folder = tmp_path / "empty.mp4", tmp_path / "notes.mp4", tmp_path / "folder"
    empty.touch()
    text.write_text("dear diary\n" * 100)
    folder.mkdir()
    out = tmp_path / "out.mp4"
    refused(3, "empty", empty, out)
    refused(3, "not a video", text, out)
    refused(3, "no video stream", sound_only(tmp_path / "song.mp4"), out)
    refused(3, "no such file", tmp_path / "none.mp4", out)
    refused(2, "folder", folder, out)
    refused(3, "no file to redact", folder, "--out-dir", tmp_path)


def test_a_name_too_long(refused, tmp_path):
    refused(3, "too long", tmp_path / ("a" * 300 + ".mp4"), tmp_path / "out.mp4")


def test_an_input_that_must_not_be_read(refused, clip, tmp_path):
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip.read_bytes())
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("root may read everything")
    refused(3, "ermission", secret, tmp_path / "out.mp4")


# What it refuses: outputs.


def test_outputs_that_can_not_be_written(refused, clip, tmp_path):
    taken = tmp_path / "folder.mp4"
    taken.mkdir()
    refused(4, "no such folder", clip, tmp_path / "none" / "out.mp4")
    refused(4, "folder", clip, taken)
    refused(4, "can't be written", clip, "/proc/out.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    refused(4, "not an ordinary file", clip, tmp_path / "pipe.mp4")
    refused(4, ".avi", clip, tmp_path / "out.avi")
    refused(4, "out", clip, "--out-dir", "/proc/out")
    refused(2, "3 paths", clip, clip, tmp_path / "out.mp4")


def test_the_input_is_no_output(refused, clip, tmp_path):
    source = tmp_path / "street.mp4"
    source.write_bytes(clip.read_bytes())
    (tmp_path / "soft.mp4").symlink_to(source)
    (tmp_path / "hard.mp4").hardlink_to(source)
    for target in (source, tmp_path / "soft.mp4", tmp_path / "hard.mp4"):
        refused(4, "is the input", source, target)
    refused(4, "is the input", source, "--out-dir", tmp_path)
    assert source.read_bytes() == clip.read_bytes()


def test_two_inputs_of_one_name_do_not_overwrite_each_other(refused, clip, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.mp4").write_bytes(clip.read_bytes())
    refused(2, "rename", tmp_path / "a", tmp_path / "b", "--out-dir", tmp_path)


# What it refuses: words.


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (["--classes", "persn"], "'person'"),
        (["--classes", "zebra"], "person, car, cow"),
        (["--classes", "person,"], "''"),
        (["--every", "0"], "--every 0"),
        (["--every", "-1"], "--every -1"),
        (["--every", "61"], "--every 61"),
        (["--every", "abc"], "--every abc"),
        (["--every", "2.5"], "--every 2.5"),
        (["--max-every", "0"], "--max-every 0"),
        (["--max-gap", "0"], "--max-gap 0"),
        (["--max-gap", "nan"], "--max-gap nan"),
        (["--conf", "2"], "--conf 2"),
        (["--conf", "0"], "--conf 0"),
        (["--conf", "nan"], "--conf nan"),
        (["--margin", "-1"], "--margin -1"),
        (["--crf", "99"], "--crf 99"),
        (["--effect", "blurr"], "blurr"),
        (["--effect", "solid:red"], "solid:red"),
        (["--workers", "0"], "--workers 0"),
        (["--detect-timeout", "0"], "--detect-timeout 0"),
        (["--detect-timeout", "601"], "--detect-timeout 601"),
        (["--detect-timeout", "nan"], "--detect-timeout nan"),
        (["--preset", "no such"], "--preset no such"),
    ],
)
def test_words_that_make_no_sense(refused, clip, tmp_path, words, about):
    refused(2, about, clip, tmp_path / "out.mp4", *words)


def test_a_preset_that_the_encoder_does_not_know(refused, clip, tmp_path):
    refused(4, "preset=nonsense", clip, tmp_path / "out.mp4", "--preset", "nonsense")


# What it refuses: models.


def test_models_that_can_not_be_trusted_or_used(refused, bundle, clip, tmp_path):
    out, good = tmp_path / "out.mp4", bundle.read_bytes()
    truncated, torn = tmp_path / "truncated.sfm", tmp_path / "torn.sfm"
    truncated.write_bytes(good[: len(good) // 2])
    at = good.index(network()[-4000:-3900])
    torn.write_bytes(good[: at + 50] + bytes([good[at + 50] ^ 255]) + good[at + 51 :])
    text, empty, folder = tmp_path / "text.sfm", tmp_path / "empty.sfm", tmp_path / "folder.sfm"
    text.write_text("no bundle")
    empty.touch()
    folder.mkdir()
    for model in (tmp_path / "none.sfm", truncated, torn, text, empty, folder):
        refused(5, str(model), clip, out, model=model)
    refused(5, "--allow-unsigned", clip, out, unsigned=False)


def test_a_file_that_is_not_the_one_described(refused, bundle, clip, tmp_path):
    """Its own checksum in the archive is right; the manifest's is not."""
    files = read_archive(bundle)
    swapped = tmp_path / "swapped.sfm"
    write_archive(swapped, {**files, "model.onnx": network(0.1)})
    refused(5, "damaged", clip, tmp_path / "out.mp4", model=swapped)


@pytest.mark.parametrize("words", [(), ("--timeline", "clip.mp4")])
def test_what_is_wrong_with_the_model_is_told_before_what_is_wrong_with_the_input(
    refused, clip, tmp_path, words
):
    """They are opened at the same time."""
    no_onnx = write_world_bundle(tmp_path / "a.sfm", b"no network at all")
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    refused(5, "can't load the model", bad, tmp_path / "out.mp4", *words, model=no_onnx)
    refused(2, "no_such", bad, tmp_path / "out.mp4", "--classes", "no_such", model=no_onnx)
    clip.parent.joinpath("there.mp4").touch()
    refused(4, "there.mp4 exists", bad, clip.parent / "there.mp4", model=no_onnx)
    refused(3, str(bad), bad, tmp_path / "out.mp4")


def test_networks_that_are_not_what_the_bundle_says(refused, clip, tmp_path):
    no_onnx = write_world_bundle(tmp_path / "a.sfm", b"no network at all")
    refused(5, "load", clip, tmp_path / "out.mp4", model=no_onnx)
    other_input = write_world_bundle(tmp_path / "b.sfm", network(), side=128)
    refused(5, "128", clip, tmp_path / "out.mp4", model=other_input)


def test_a_network_of_another_family_is_refused_at_its_first_result(refused, clip, data, tmp_path):
    rtmdet = (data / "weights" / "rtmdet-nano-person.onnx").read_bytes()
    model = write_world_bundle(tmp_path / "wrong.sfm", rtmdet)
    refused(5, "family yolo_seg", clip, tmp_path / "out.mp4", model=model)


def test_a_bundle_that_somebody_else_signed(refused, clip, tmp_path):
    ours, theirs = PrivateKey.generate(), PrivateKey.generate()
    trusted = tmp_path / "ours.pub"
    trusted.write_text(ours.public.to_line())
    unsigned = write_world_bundle(tmp_path / "world.sfm", network())
    from models.bundle import sign_bundle

    sign_bundle(unsigned, tmp_path / "signed.sfm", theirs)
    words = clip, tmp_path / "out.mp4", "--trust", trusted
    refused(5, theirs.public.id, *words, model=tmp_path / "signed.sfm", unsigned=False)
    refused(5, theirs.public.id, *words, model=tmp_path / "signed.sfm")
    refused(5, "unsigned", *words, model=unsigned, unsigned=False)


# Signals, to a process of its own that reads a stream without an end.


class Stream(threading.Thread):
    """Plays a clip into a pipe, over and over, until told to stall or to end."""

    def __init__(self, folder, world):
        super().__init__(daemon=True)
        self.path = folder / "camera.ts"
        os.mkfifo(self.path)
        long = World(*world.things, frames=400)
        packets = long.write(folder / "long.ts").read_bytes()
        self._data = packets[: len(packets) // 1880 * 1880]
        (folder / "long.ts").unlink()
        self._stalled, self._dry, self._over = (threading.Event() for _ in range(3))

    def run(self):
        try:
            with self.path.open("wb", buffering=0) as pipe:
                for at in itertools.count(step=1880):
                    if self._stalled.is_set():
                        self._wait_for_reader(pipe)
                    if self._over.is_set():
                        return
                    start = at % len(self._data)
                    pipe.write(self._data[start : start + 1880])
                    time.sleep(0.002)
        except BrokenPipeError:
            pass

    def _wait_for_reader(self, pipe):
        while unread_bytes(pipe):
            time.sleep(0.01)
        self._dry.set()
        self._over.wait()

    def stall(self):
        """Give no more, and come back once all that was given is read."""
        self._stalled.set()
        assert self._dry.wait(LONG_S)
        time.sleep(0.3)

    def end(self):
        self._over.set()


def unread_bytes(pipe):
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))
    return count


def wait_until_asleep(pid):
    """Wait until no thread of a process has anything to do, however busy the machine is."""
    deadline, calm = time.monotonic() + LONG_S, 0
    while calm < 10 and time.monotonic() < deadline:
        time.sleep(0.02)
        states = [
            path.read_text().rpartition(")")[2].split()[0]
            for path in Path(f"/proc/{pid}/task").glob("*/stat")
        ]
        calm = calm + 1 if set(states) == {"S"} else 0
    assert calm == 10


@pytest.fixture
def stream(tmp_path, world):
    stream = Stream(tmp_path, world)
    stream.start()
    yield stream
    stream.end()
    if stream.is_alive():  # it may wait for a reader that never came
        os.close(os.open(stream.path, os.O_RDONLY | os.O_NONBLOCK))


@pytest.fixture
def process(stream, bundle, tmp_path):
    """`sfumato blur` at work on the stream: the output exists under its temporary name."""
    command = [sys.executable, "-m", "agent", "blur", stream.path, tmp_path / "out.mp4"]
    command += ["--model", bundle, "--allow-unsigned", *SOLID]
    process = subprocess.Popen(
        list(map(str, command)),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: is_writing(tmp_path))
        time.sleep(0.3)
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def is_writing(folder):
    """Whether an output grows; before, one is made to see whether that can be done."""
    with contextlib.suppress(FileNotFoundError):  # which that one is by now
        return any(path.stat().st_size for path in folder.iterdir() if "partial" in path.name)


def outputs(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "camera.ts")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_playable_file(process, tmp_path, number):
    process.send_signal(number)
    _, said = process.communicate(timeout=LONG_S)
    assert process.returncode == 130
    assert "stopped early" in said
    assert "Traceback" not in said
    assert outputs(tmp_path) == ["out.mp4"]
    pictures = lumas(tmp_path / "out.mp4")
    assert len(pictures) > 0
    assert leaks(pictures) == {}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_twice_ctrl_c_ends_at_once_and_leaves_nothing(process, stream, tmp_path, number):
    """Even where the source has stalled, so that the first can't be obeyed."""
    stream.stall()
    wait_until_asleep(process.pid)
    process.send_signal(number)
    wait_until_asleep(process.pid)
    assert process.poll() is None
    process.send_signal(number)
    _, said = process.communicate(timeout=LONG_S)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "sfumato: stopped"
    assert "Traceback" not in said
    assert outputs(tmp_path) == []


@pytest.mark.slow
def test_sigkill_never_leaves_the_final_name(process, tmp_path):
    process.kill()
    process.wait()
    assert not (tmp_path / "out.mp4").exists()
    (left,) = outputs(tmp_path)
    assert left.startswith(".out.")


@pytest.mark.slow
def test_a_process_of_its_own_does_the_same(clip, bundle, tmp_path):
    """`python -m agent` is `sfumato`."""
    words = ["blur", clip, tmp_path / "out.mp4", "--model", bundle, "--allow-unsigned", *SOLID]
    done = subprocess.run(
        [sys.executable, "-m", "agent", *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
        timeout=LONG_S,
    )
    assert done.returncode == 0, done.stderr
    assert leaks(lumas(tmp_path / "out.mp4")) == {}


# On a device, where nothing draws plots.

WITHOUT_PLOTS = """
import sys

sys.modules["matplotlib"] = None  # what Python remembers of a module that can't be imported
from agent.cli import main

sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "code", "said", "made"),
    [
        ("--timeline", 2, "sfumato: --timeline needs the extra `plots`: pip install", []),
        ("--contact-sheet", 0, "1 object hidden", ["out.mp4", "picture.png"]),
    ],
)
def test_only_a_timeline_needs_what_plots_are_drawn_with(
    clip, bundle, tmp_path, picture, code, said, made
):
    words = ["blur", clip, tmp_path / "out.mp4", "--model", bundle, "--allow-unsigned"]
    words += [picture, tmp_path / "picture.png"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PLOTS, *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        text=True,
        timeout=LONG_S,
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert (done.stderr.count("\n") == 1) == (code == 2), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == made


def test_a_gpu_that_is_not_there_is_said_in_a_line(refused, clip, tmp_path):
    said = "can't be decoded by pyav-cuda: pyav-cuda: no GPU of NVIDIA's decodes h264 here ("
    refused(3, said, clip, tmp_path / "out.mp4", "--decoder", "pyav-cuda")
