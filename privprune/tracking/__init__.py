"""Copies records to MLflow, and streams curves to it during training. Only `store.py` imports MLflow."""

from privprune.tracking.database import local_store
from privprune.tracking.filling import Filled, fill, track
from privprune.tracking.live import LiveRun, streamed

__all__ = ["Filled", "LiveRun", "fill", "local_store", "streamed", "track"]
