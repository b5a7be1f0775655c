"""Pruning and hardening of neural networks for privacy."""
