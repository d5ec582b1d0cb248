"""What a model is: values, geometry, decoding of raw outputs, bundles, runtimes.

Both sides of Sfumato stand on this package; it imports neither of them.
"""

import models.silence  # noqa: F401 before any library is imported
