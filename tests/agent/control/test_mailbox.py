"""What one thread asks of another that waits for sockets."""

import select
import threading

from agent.control.mailbox import Mailbox


def is_readable(mailbox):
    return bool(select.select([mailbox], [], [], 0)[0])


def test_calls_wake_and_come_once_and_in_order():
    mailbox, called = Mailbox(), []
    assert not is_readable(mailbox)
    for number in range(3):
        mailbox.put(lambda number=number: called.append(number))
    assert is_readable(mailbox)
    for call in mailbox.take():
        call()
    assert called == [0, 1, 2]
    assert not is_readable(mailbox)
    assert list(mailbox.take()) == []
    mailbox.close()


def test_more_calls_than_a_socket_holds_neither_block_nor_get_lost():
    mailbox, called = Mailbox(), []
    for _ in range(2_000):
        mailbox.put(lambda: called.append(1))
    for call in mailbox.take():
        call()
    assert len(called) == 2_000
    mailbox.close()


def test_many_threads_ask_at_once():
    mailbox, called = Mailbox(), []

    def ask():
        for _ in range(1000):
            mailbox.put(lambda: called.append(1))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(called) < 8000:
        assert select.select([mailbox], [], [], 60)[0]
        for call in mailbox.take():
            call()
    for thread in threads:
        thread.join()
    mailbox.close()


def test_who_asks_too_late_is_not_heard_and_harms_nobody():
    mailbox = Mailbox()
    mailbox.close()
    mailbox.put(lambda: None)
