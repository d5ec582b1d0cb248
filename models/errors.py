"""Every failure that `models` reports.

ModelError
├── BundleError        the archive is missing, damaged, or breaks its own manifest
│   ├── TrustError     the archive is whole, but nobody we trust has signed it
│   └── ExpiredError   the archive is whole and trusted, but its time is over
├── EngineError        an engine can't be built, or is damaged
├── FamilyError        the network's outputs are not what its family promises
├── InferenceError     the network ran and gave nothing that may be used
│   └── LostGpuError   and never will again in this process: the GPU failed for good
└── UnknownClassError  a class was asked for that the model does not have
"""


class ModelError(Exception):
    """A model can't be used; the message is one line that says why and what to do."""


class BundleError(ModelError):
    """The bundle is missing, damaged, too large, or contradicts its manifest."""


class TrustError(BundleError):
    """The bundle's signature is missing, wrong, or from a key that is not trusted."""


class ExpiredError(BundleError):
    """The bundle's time is over, and it does not come from where it was installed before."""


class EngineError(ModelError):
    """An engine can't be built, kept or read."""


class FamilyError(ModelError):
    """The network's outputs do not have the shape that its family promises."""


class InferenceError(ModelError):
    """A run of the network failed or returned values that are not finite."""


class LostGpuError(InferenceError):
    """The GPU, or its context, failed for good: only another process can use it again."""


class UnknownClassError(ModelError):
    """A class was asked for that the model does not have; the message names the nearest."""
