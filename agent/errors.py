"""Every failure that `agent` reports, each with the exit code a command ends with.

AgentError             1  a fault of ours
├── UsageError         2  invalid arguments or settings
├── InputError         3  an input can't be read, or holds nothing to redact
│   └── RefusedError   3  it answers, and refuses until a person changes something
├── OutputError        4  an output can't be written
├── PipelineError      6  redaction could not go on; nothing unredacted was written
├── AbortedError       7  a device refused, or failed
└── UnansweredError    8  a device gave no answer in time

5 is `models.errors.ModelError`; 130 is Ctrl-C.
"""


class AgentError(Exception):
    """A run can't go on; the message is one line that says why and what to do."""

    exit_code = 1


class UsageError(AgentError):
    """An argument or a setting is invalid."""

    exit_code = 2


class InputError(AgentError):
    """An input can't be opened, read or decoded."""

    exit_code = 3


class RefusedError(InputError):
    """An input answers, and gives nothing to who asks like this: to ask again soon is of no use."""


class OutputError(AgentError):
    """An output can't be opened, encoded or written."""

    exit_code = 4


class PipelineError(AgentError):
    """A stage failed in a way that leaves nothing safe to write."""

    exit_code = 6


class AbortedError(AgentError):
    """A device did not do what it was told to."""

    exit_code = 7


class UnansweredError(AgentError):
    """A device gave no answer in time; it may do what it was told all the same."""

    exit_code = 8
