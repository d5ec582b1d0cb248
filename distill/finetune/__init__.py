"""Fine-tune RTMDet-Ins on classes of one's own: a loop that a person reads, and its parts."""
