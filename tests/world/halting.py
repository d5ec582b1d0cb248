"""Halting: a program that stops itself at a moment of its own, so that a test kills it just then.

A test that looks for a file to kill whoever wrote it comes too late where it stands still itself.
"""

import os

_HEAD = """
import os, signal, sys
left = [{times}]
def halt(event, args):
    if event == "os.rename" and {part!r} in os.fsdecode(args[1]):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
sys.addaudithook(halt)
"""


def halting_before(part, times=1):
    """Python for a program's head: it stops when it is about to put such a file in its place.

    Args:
        part: of the file's path.
        times: with which of them, from 1.
    """
    return _HEAD.format(part=part, times=times)


def wait_until_halted(process):
    """A program that ends instead fails the test."""
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), f"it was to be killed before it is done ({status})"


def kill_once_halted(process):
    """Kill a program at its moment, and wait for its end."""
    wait_until_halted(process)
    process.kill()
    process.communicate()
