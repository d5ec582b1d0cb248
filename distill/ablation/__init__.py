"""What each part of a distillation is worth: one run an arm, with one loss more each."""
