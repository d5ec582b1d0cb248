"""Hides what a cover says, in the decoded planes; the only maker of `RedactedFrame`."""
