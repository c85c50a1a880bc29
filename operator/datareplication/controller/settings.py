"""The operator's own settings: environment -> frozen `Settings`."""

from collections.abc import Mapping
from dataclasses import dataclass

from datareplication.core.manifests import JobImage
from datareplication.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """How this operator runs. namespaces: those it watches; empty for all of them."""

    image: JobImage
    namespaces: tuple[str, ...] = ()
    workers: int = 8
    resync_seconds: float = 60.0
    liveness_port: int = 8080
    log_level: str = "INFO"
    instance: str = "datareplication-operator"


def read(environment: Mapping[str, str]) -> Settings:
    """Return the settings of an environment; UsageError names the variable that is missing or wrong."""
    image = environment.get("JOB_IMAGE")
    if not image:
        raise UsageError(
            "JOB_IMAGE is not set: name the image that holds datareplication-dump and datareplication-load"
        )
    pull_secrets = _words(environment.get("JOB_IMAGE_PULL_SECRETS", ""))
    return Settings(
        image=JobImage(image, environment.get("JOB_IMAGE_PULL_POLICY", "IfNotPresent"), pull_secrets),
        namespaces=_words(environment.get("WATCH_NAMESPACES", "")),
        workers=int(_number(environment, "WORKERS", 8)),
        resync_seconds=_number(environment, "RESYNC_SECONDS", 60),
        liveness_port=int(_number(environment, "LIVENESS_PORT", 8080)),
        log_level=environment.get("LOG_LEVEL", "INFO").upper(),
        instance=environment.get("POD_NAME", "datareplication-operator"),
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
