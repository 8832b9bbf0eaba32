"""For tests that start processes."""

import os
from pathlib import Path


def is_running(process: int) -> bool:
    """Whether the process of this number is still at work."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    # A dead process may wait for somebody to ask how it ended.
    return not status.exists() or ") Z " not in status.read_text()
