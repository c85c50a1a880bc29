# ruff: noqa: INP001 - a script that `helm test` passes to the operator image's Python, in no package
"""What `helm test` runs: it checks that the operator is live and that the API server serves its two kinds.

It uses the standard library only, and needs no rights: every token may list the served resources. Arguments: the URL of
the operator's health check, and for how many seconds to try.
"""

import json
import ssl
import sys
import time
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
GROUP_URL = "https://kubernetes.default.svc/apis/datareplication.dev/v1alpha1"
KINDS = {"DataReplication", "DataReplicationRun"}


def check(health_url: str) -> None:
    """Raise OSError if the operator or the API server answers with an error, RuntimeError if a kind is missing."""
    with urllib.request.urlopen(health_url, timeout=5):  # noqa: S310 - the chart's own Service
        sys.stdout.write(f"live: {health_url}\n")
    served = {resource["kind"] for resource in _resources()}
    if missing := sorted(KINDS - served):
        raise RuntimeError(f"the API server does not serve {', '.join(missing)}; install the CRDs of this version")
    sys.stdout.write(f"served: {', '.join(sorted(KINDS))}\n")


def _resources() -> list[dict[str, str]]:
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"}
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    request = urllib.request.Request(GROUP_URL, headers=headers)
    with urllib.request.urlopen(request, timeout=5, context=context) as answer:  # noqa: S310 - a constant
        found: list[dict[str, str]] = json.load(answer)["resources"]
    return found


def main(health_url: str, patience_seconds: float) -> int:
    """Try until all is well (0) or patience ends (1)."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            check(health_url)
        except (OSError, RuntimeError) as error:
            if time.monotonic() > deadline:
                sys.stdout.write(f"failed: {error}\n")
                return 1
            time.sleep(1)
        else:
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
