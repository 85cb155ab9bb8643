"""Pretrained models and their training."""
