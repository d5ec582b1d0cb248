"""RTMDet-Ins as a student, trained by our own fine-tuning."""
