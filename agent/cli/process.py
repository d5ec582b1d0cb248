"""The process of a command: what it must not leave behind, and how it ends.

- No core dump: frames as the camera saw them lie in its memory.
- Ctrl-C and SIGTERM stop the command. What doesn't come to an end soon after the second one (a
  source, a detector or a disk that hangs) is left hanging, and the process ends without it.
- Nobody has to read what is said on standard error: the video is finished all the same.
- A service that begins anew stays the same process: who manages it sees no end.
- The interpreter is not taken down. Python would end a thread that is alive inside its native
  call, and C++ answers that with `terminate called without an active exception`; and it takes
  0.05 s, a tenth of a clip of one frame.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from agent.errors import AgentError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

INTERRUPTED_EXIT_CODE = 130

_PR_SET_DUMPABLE = 4
_AT_ONCE_S = 0.05
_STOP_TIMEOUT_S = 5.0
"""How long a command may take to end once it has to. Chosen, not measured: more than the pipeline
and the detectors wait for their threads."""

_no_wish_to_stop: set[int] = set()
"""Signals that a command gave another meaning."""


def run(command: Callable[[], int]) -> NoReturn:
    """Run a command as this process, which ends with its exit code."""
    from agent.cli.standard_files import own_standard_files

    own_standard_files()
    try:
        with _bounded_stop() as interrupted:
            forbid_core_dumps()
            code = _code_of(command, interrupted)
    except KeyboardInterrupt:  # before there was a command
        code = _stopped()
    _end(_with_output(code))


@contextmanager
def stopping(cancel: Callable[[], bool]) -> Iterator[None]:
    """Have the first signal that asks to stop call `cancel`; the second does what it did before.

    Args:
        cancel: says whether the command will end by itself; else the first signal, too, does what
            it did before.
    """
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            if cancel():
                return
        handler = before[signal.Signals(number)]
        (handler if callable(handler) else signal.default_int_handler)(number, frame)

    before = {number: signal.getsignal(number) for number in _stop_signals()}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def reloading(reload: Callable[[], None]) -> Iterator[None]:
    """Have SIGHUP call `reload`: to a service it is no wish to stop."""

    def call(_number: int, _frame: FrameType | None) -> None:
        reload()

    _no_wish_to_stop.add(signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, call)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
        _no_wish_to_stop.discard(signal.SIGHUP)


def begin_anew(was_stopped: Callable[[], bool]) -> int:
    """Run the same command again as the same process; an exit code where that is not to be.

    Args:
        was_stopped: whether somebody asked to stop. It is asked when that can't be overheard any
            more: from then on a signal ends the process at once, which has nothing left to do.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it is about to read its configuration anyway
    if was_stopped():
        return 0
    _let_go()
    _keep_standard_files_only()
    try:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 our own words
    except OSError as error:
        print(f"sfumato: can't begin anew ({error.strerror})", file=sys.stderr)
        return AgentError.exit_code


def forbid_core_dumps() -> None:
    """Let nothing that this process has in memory reach a disk when it dies.

    The limit is for dumps into files. A program that the kernel pipes dumps into takes no heed of
    it, but is given none of a process that is not dumpable, which no debugger may look into either.
    """
    import ctypes
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _code_of(command: Callable[[], int], interrupted: threading.Event) -> int:
    try:
        return command()
    except SystemExit as end:  # --help, or arguments that make no sense
        return end.code if isinstance(end.code, int) else AgentError.exit_code
    except KeyboardInterrupt:
        return _stopped()
    except BaseException:  # noqa: BLE001 - a fault of ours, and nobody else is left to say it
        if interrupted.is_set():  # while a library was imported, which makes another error of it
            return _stopped()
        sys.excepthook(*sys.exc_info())  # by which a service hides secrets
        return AgentError.exit_code


def _stopped() -> int:
    print("sfumato: stopped", file=sys.stderr)
    return INTERRUPTED_EXIT_CODE


def _with_output(code: int) -> int:
    """The exit code, once all that was said is out, or could not be."""
    from agent.cli.standard_files import stdout_error

    sys.stdout.flush()
    if (error := stdout_error()) is None:
        return code
    print(f"sfumato: standard output can't be written ({error.strerror})", file=sys.stderr)
    return code or OutputError.exit_code


@contextmanager
def _bounded_stop() -> Iterator[threading.Event]:
    """Have signals raise `KeyboardInterrupt`, once, and end the process where that is of no use.

    Yields what is set from then on.

    Python runs handlers between two steps of its own only, so a thread counts the signals, too:
    libav may wait for a camera, and the main thread in it. Where Python can't pass the
    `KeyboardInterrupt` on, in a destructor or a weak reference's callback, which every import has,
    it is raised again, and not shown as the fault that Python takes it for.
    """
    interrupted, lost, over = threading.Event(), threading.Event(), threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if not interrupted.is_set():  # what cleans up must not be interrupted again
            interrupted.set()
            os.write(writer, b"\0")  # a library may make another error of it, and go on
            raise KeyboardInterrupt

    def note_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            lost.set()  # what raised here would be lost just so
        else:
            before(unraisable)

    numbers, before = _stop_signals(), sys.unraisablehook
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    thread = threading.Thread(
        target=_bound_stop,
        args=(reader, numbers, interrupted, lost, over),
        name="stop",
        daemon=True,
    )
    try:
        sys.unraisablehook = note_unraisable
        for number in numbers:
            signal.signal(number, interrupt)
        signal.set_wakeup_fd(writer)
        thread.start()
        yield interrupted
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        over.set()
        sys.unraisablehook = before
        signal.set_wakeup_fd(-1)
        os.close(writer)  # ends the thread
        if thread.is_alive():
            thread.join()


def _bound_stop(
    reader: int,
    stop_signals: Sequence[signal.Signals],
    interrupted: threading.Event,
    lost: threading.Event,
    over: threading.Event,
) -> None:
    """Read the signals that come; once the command has to end, end the process if it doesn't."""
    stops = 0
    while stops < 2 and not interrupted.is_set():
        if not (numbers := os.read(reader, 16)):
            return
        stops += sum(n in stop_signals and n not in _no_wish_to_stop for n in numbers)
    deadline_s = time.monotonic() + _STOP_TIMEOUT_S
    while not over.wait(_AT_ONCE_S):
        if time.monotonic() > deadline_s:
            _end(_stopped())
        if lost.is_set():
            lost.clear()
            interrupted.clear()
        if not interrupted.is_set():  # or two that came at once have called the handler once
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def _stop_signals() -> list[signal.Signals]:
    """Ctrl-C, who manages services or shuts down, and a terminal that is closed, unless `nohup`."""
    stays = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if stays else [signal.SIGHUP])]


def _end(code: int) -> NoReturn:
    """End the process whatever its threads do."""
    _let_go()
    os._exit(code)


def _keep_standard_files_only() -> None:
    """Have the kernel close all others at `exec`: a library may hold a camera that hangs."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 a folder that changes while it is read
        with suppress(OSError):  # such as the folder itself
            os.set_inheritable(int(name), int(name) <= 2)


def _let_go() -> None:
    """Do what is done at the end of a process; what threads have not finished writing is deleted."""
    import atexit

    from models.part_file import discard_all

    discard_all()
    with suppress(Exception):
        atexit._run_exitfuncs()  # noqa: SLF001 - the public way takes the interpreter down, too
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
