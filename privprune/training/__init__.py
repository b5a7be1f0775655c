"""The training loop (`loop`), and what it works with: batches, tasks, ensembles of networks, optimisers."""
