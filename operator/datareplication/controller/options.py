"""What the operator is started with: environment -> frozen `Options`."""

from collections.abc import Mapping
from dataclasses import dataclass

from datareplication.core.lease import DEFAULT_TIMING, Timing
from datareplication.core.manifests import JobImage
from datareplication.errors import UsageError


@dataclass(frozen=True)
class Options:
    """How this operator runs."""

    image: JobImage
    namespaces: tuple[str, ...] = ()
    """The namespaces to watch; empty for all of them."""
    workers: int = 8
    resync_seconds: float = 60.0
    port: int = 8080
    """For probes and metrics."""
    log_level: str = "INFO"
    instance: str = "datareplication-operator"
    """The operator's name in Events and, with a part that is unique to the process, in the Lease."""
    lease: tuple[str, str] = ("default", "datareplication-operator")
    """Namespace and name of the Lease."""
    timing: Timing = DEFAULT_TIMING


def read_options(environment: Mapping[str, str]) -> Options:
    """Return the options of an environment; UsageError names the variable that is missing or wrong."""
    image = environment.get("JOB_IMAGE")
    if not image:
        raise UsageError(
            "JOB_IMAGE is not set: name the image that holds datareplication-dump and datareplication-load"
        )
    pull_secrets = _words(environment.get("JOB_IMAGE_PULL_SECRETS", ""))
    return Options(
        image=JobImage(image, environment.get("JOB_IMAGE_PULL_POLICY", "IfNotPresent"), pull_secrets),
        namespaces=_words(environment.get("WATCH_NAMESPACES", "")),
        workers=int(_number(environment, "WORKERS", 8)),
        resync_seconds=_number(environment, "RESYNC_SECONDS", 60),
        port=int(_number(environment, "HTTP_PORT", 8080)),
        log_level=environment.get("LOG_LEVEL", "INFO").upper(),
        instance=environment.get("POD_NAME", "datareplication-operator"),
        lease=(environment.get("POD_NAMESPACE", "default"), environment.get("LEASE_NAME", "datareplication-operator")),
        timing=Timing(max(1, int(_number(environment, "LEASE_DURATION_SECONDS", DEFAULT_TIMING.duration_seconds)))),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.replace(",", " ").split() if word)


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{name} is {text!r}, not a number") from None
    if value <= 0:
        raise UsageError(f"{name} is {text!r}; it must be greater than 0")
    return value
