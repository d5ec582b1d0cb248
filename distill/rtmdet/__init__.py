"""How RTMDet-Ins is trained: assignment, losses, criterion."""
