"""Cancellation that was swallowed on the way."""

import asyncio


def heed_cancellation() -> None:
    """End a task whose cancellation was swallowed on the way.

    `asyncio.wait_for` before Python 3.12 forgets one that meets a finished wait, and a farewell to
    a peer that times out replaces it by its own error.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
