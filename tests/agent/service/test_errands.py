"""What a main thread is asked for."""

import threading

import pytest
from worlds import until

from agent.control.refusal import Refusal
from agent.service.errands import Errands


@pytest.fixture
def errands():
    return Errands()


class Main:
    """A main thread that does errands until it is asked to stop."""

    def __init__(self, errands):
        self.errands, self.heard = errands, []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while (request := self.errands.next(60)) != "stop":
            self.heard.append(request)

    def stop(self):
        self.errands.put("stop")
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def main(errands):
    main = Main(errands)
    yield main
    main.stop()


@pytest.mark.usefixtures("main")
def test_what_is_asked_for_is_done_on_the_main_thread(errands, main):
    assert errands.do(threading.current_thread, 30) is main.thread


@pytest.mark.usefixtures("main")
def test_what_it_raises_is_raised_where_it_was_asked_for(errands):
    with pytest.raises(ZeroDivisionError):
        errands.do(lambda: 1 // 0, 30)
    assert errands.do(lambda: 5, 30) == 5


def test_requests_and_errands_keep_their_order(errands, main):
    errands.put("reload")
    assert errands.do(lambda: list(main.heard), 30) == ["reload"]


def test_without_any_the_main_thread_goes_on(errands):
    assert errands.next(0.001) is None


def test_what_nobody_came_to_in_time_is_never_done(errands):
    done = []
    with pytest.raises(Refusal) as refused:
        errands.do(lambda: done.append(1), 0.01)
    assert refused.value.code == "timeout"
    assert errands.next(1) is None
    assert done == []


def test_what_has_begun_and_takes_too_long_is_not_waited_for(errands, main):
    goes_on, begun = threading.Event(), threading.Event()

    def slow():
        begun.set()
        goes_on.wait(30)
        main.heard.append("slow")

    with pytest.raises(Refusal) as refused:
        errands.do(slow, 0.5)
    assert refused.value.code == "timeout"
    goes_on.set()
    if begun.is_set():  # else a loaded machine never came to it
        until(lambda: "slow" in main.heard)


def test_an_agent_that_ends_lets_nobody_wait(errands):
    refused = []

    def ask():
        try:
            errands.do(lambda: None, 60)
        except Refusal as refusal:
            refused.append(refusal.code)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking[:2]:
        thread.start()
    until(lambda: errands._queue.qsize() == 2)
    assert not errands.close()
    asking[2].start()
    for thread in asking:
        thread.join(30)
    assert refused == ["interrupted"] * 3


def test_it_remembers_a_wish_to_stop_that_nobody_heard(errands):
    errands.put("restart")
    assert errands.next(1) == "restart"
    errands.put("reload")
    errands.put("stop")
    assert errands.close()
    assert errands.close()
