"""A Django storage whose files are in a fallback-storage Worker."""

from .errors import WorkerError
from .storage import WorkerStorage

__all__ = ["WorkerError", "WorkerStorage"]
