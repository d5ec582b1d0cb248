"""Networks in plain PyTorch; only distill imports them."""
