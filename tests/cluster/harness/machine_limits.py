"""This machine's kernel limits that several nodes side by side run into; raised for as long as a private engine runs.

Only ever raises; gives back what was there before.
"""

import json
from pathlib import Path

INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
# A node takes 18 to 20, and all nodes count as one user. The kernel's default is 128: with seven nodes up, a kubelet and a
# kube-proxy did not start ("inotify_init: too many open files").
WANTED_INSTANCES = 1024


def lift(memory: Path) -> None:
    """Raise the limits when they are too low, and write down in the file `memory` what they were."""
    present = int(INOTIFY_INSTANCES.read_text(encoding="ascii"))
    if present < WANTED_INSTANCES:
        memory.write_text(json.dumps({"inotify_instances": present}), encoding="utf-8")
        INOTIFY_INSTANCES.write_text(str(WANTED_INSTANCES), encoding="ascii")


def restore(memory: Path) -> None:
    """Set the limits as they were when `memory` was written; nothing when it was not."""
    if memory.is_file():
        before = json.loads(memory.read_text(encoding="utf-8"))
        INOTIFY_INSTANCES.write_text(str(before["inotify_instances"]), encoding="ascii")
