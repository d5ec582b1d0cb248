"""Every failure that `distill` reports, each with the exit code a command ends with.

DistillError           1  a fault of ours
├── UsageError         2  an argument or a setting is invalid
├── InputError         3  an input can't be read, or holds nothing to work on
├── OutputError        4  an output can't be written
└── TrainingError      6  training can't go on; what was reached is kept

5 is `models.errors.ModelError`; 130 is Ctrl-C.
"""


class DistillError(Exception):
    """A run can't go on; the message is one line that says why and what to do."""

    exit_code = 1


class UsageError(DistillError):
    """An argument or a setting is invalid."""

    exit_code = 2


class InputError(DistillError):
    """An input can't be opened, read or decoded."""

    exit_code = 3


class OutputError(DistillError):
    """An output can't be opened or written."""

    exit_code = 4


class TrainingError(DistillError):
    """A loss is not finite, or a run can't be resumed."""

    exit_code = 6
