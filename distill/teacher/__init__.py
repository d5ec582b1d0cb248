"""Teachers: what they give, RTMDet-Ins' losses, fine-tuning in stages."""
