"""Progress where nobody sees a bar: lines with what is done, how fast, and when it is over."""

import io

import pytest

from distill.progress import ProgressLines, progress


class Clock:
    """Goes on when told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log():
    return io.StringIO()


def work(lines, clock, steps, seconds):
    for _ in range(steps):
        clock.now += seconds
        lines.update()


def test_a_line_every_so_often_says_done_total_rate_and_what_is_left(clock, log):
    lines = ProgressLines(desc="a.mp4", total=1000, unit="frame", clock=clock, file=log)
    work(lines, clock, 400, 0.5)
    assert log.getvalue().splitlines() == [
        "a.mp4: 60/1000 frame, 2.0 frame/s, about 7 min 50 s left",
        "a.mp4: 180/1000 frame, 2.0 frame/s, about 6 min 50 s left",
        "a.mp4: 300/1000 frame, 2.0 frame/s, about 5 min 50 s left",
    ]


def test_what_is_quickly_done_says_nothing_and_what_was_long_says_its_end(clock, log):
    with ProgressLines(total=20, clock=clock, file=log) as lines:
        work(lines, clock, 20, 1)
    assert log.getvalue() == ""
    with ProgressLines(total=4, unit="page", clock=clock, file=log) as lines:
        work(lines, clock, 4, 15)
    assert log.getvalue().splitlines() == [
        "2/4 page, 15.0 s/page, about 30 s left",
        "4/4 page, 15.0 s/page, after 1 min 00 s",
    ]


def test_a_run_that_goes_on_counts_its_own_speed(clock, log):
    lines = ProgressLines(total=10_000, initial=5000, unit="step", clock=clock, file=log)
    lines.set_postfix(loss="1.250", refresh=False)
    work(lines, clock, 1, 36)
    assert log.getvalue() == "5001/10000 step, 36.0 s/step, about 2 d 1 h left, loss 1.250\n"


def test_without_a_total_there_is_no_promise(clock, log):
    lines = ProgressLines(desc="b.ts", unit="frame", clock=clock, file=log)
    work(lines, clock, 31, 1)
    assert log.getvalue() == "b.ts: 30 frame, 1.0 frame/s, after 30 s\n"


def test_bytes_are_counted_in_thousands(clock, log):
    lines = ProgressLines(total=90_000_000, unit="B", unit_scale=True, clock=clock, file=log)
    clock.now += 40
    lines.update(2_000_000)
    assert log.getvalue() == "2.0M/90.0M B, 50.0k/s, about 29 min 20 s left\n"


def test_it_wraps_what_is_gone_through(clock, log):
    seen = []
    for each in ProgressLines("abc", "letters", unit="one", clock=clock, file=log):
        clock.now += 20
        seen.append(each)
    assert seen == ["a", "b", "c"]
    assert log.getvalue().splitlines() == [
        "letters: 2/3 one, 20.0 s/one, about 20 s left",
        "letters: 3/3 one, 20.0 s/one, after 1 min 00 s",
    ]


def test_several_passes_are_each_their_own(clock, log):
    lines = ProgressLines(unit="frame", clock=clock, file=log)
    for _ in range(2):
        lines.reset(10)
        work(lines, clock, 10, 4)
    assert log.getvalue().splitlines() == [
        "8/10 frame, 4.0 s/frame, about 8 s left",
    ]


def test_only_a_terminal_has_a_bar():
    assert isinstance(progress([]), ProgressLines)
