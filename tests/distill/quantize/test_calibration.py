"""What calibration saw is kept, and is that of this network and these frames."""

from dataclasses import replace

import pytest

from distill.errors import InputError
from distill.quantize.calibration import CalibrationBatches, kept_histograms
from distill.quantize.camera_frames import Frames

pytestmark = pytest.mark.slow


class Stopped(CalibrationBatches):
    """Frames of a run that is stopped by a person after so many."""

    left = 10**9
    read = 0

    def __iter__(self):
        for batch in super().__iter__():
            if not type(self).left:
                raise KeyboardInterrupt
            type(self).left -= 1
            type(self).read += 1
            yield batch


def watched(batches, left=10**9):
    kind = type("Watched", (Stopped,), {"left": left, "read": 0})
    return kind(batches.frames, batches.inputs)


def test_a_run_goes_on_with_the_pass_that_it_was_stopped_in(small, tmp_path):
    count = len(small.batches)
    with pytest.raises(KeyboardInterrupt):
        kept_histograms(small.model, watched(small.batches, count + 3), tmp_path)
    (kept,) = tmp_path.iterdir()
    again = watched(small.batches)
    found = kept_histograms(small.model, again, tmp_path)
    assert again.read == count, "the pass that was done is not done again"
    assert found.ranges() == small.ranges
    once_more = watched(small.batches)
    assert kept_histograms(small.model, once_more, tmp_path).ranges() == small.ranges
    assert once_more.read == 0
    assert list(tmp_path.iterdir()) == [kept]


def test_of_other_frames_or_sizes_nothing_is_taken_over(small, tmp_path):
    few = Frames(small.batches.frames.chosen[:3])
    other = CalibrationBatches(few, small.batches.inputs)
    kept_histograms(small.model, other, tmp_path)
    (first,) = tmp_path.iterdir()
    square = replace(other, inputs=small.batches.inputs[:1])
    kept_histograms(small.model, square, tmp_path)
    (second,) = tmp_path.iterdir()
    assert second != first, "and what nobody needs any more is gone"


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _: b""])
def test_what_is_damaged_is_made_anew(small, tmp_path, damage):
    few = CalibrationBatches(Frames(small.batches.frames.chosen[:2]), small.batches.inputs)
    whole = kept_histograms(small.model, few, tmp_path).ranges()
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    assert kept_histograms(small.model, few, tmp_path).ranges() == whole


def test_frames_of_which_none_can_be_read_are_refused(small, tmp_path):
    (source, numbers), *_ = small.batches.frames.chosen
    (tmp_path / "gone.png").write_bytes(b"no picture")
    frames = Frames(((replace(source, path=tmp_path / "gone.png"), numbers),))
    with pytest.raises(
        InputError, match=r"no frame to calibrate on can be read: .*gone\.png is no"
    ):
        list(CalibrationBatches(frames, small.batches.inputs))
