"""Doctor: what a machine has for Sfumato, what it lacks, and which command mends that."""
