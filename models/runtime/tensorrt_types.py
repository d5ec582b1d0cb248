"""Names of TensorRT's types: its bindings have none to check against.

So these say what a name holds, and a test reads them: each call on one of these is compared with
what the bindings of three versions have.
"""

from typing import Any, TypeAlias

Library: TypeAlias = Any
"""The module `tensorrt`, or what stands for it."""

Builder: TypeAlias = Any
IBuilderConfig: TypeAlias = Any
ICudaEngine: TypeAlias = Any
IExecutionContext: TypeAlias = Any
INetworkDefinition: TypeAlias = Any
IProgressMonitor: TypeAlias = Any
ITimingCache: TypeAlias = Any
OnnxParser: TypeAlias = Any
Runtime: TypeAlias = Any
Severity: TypeAlias = Any
