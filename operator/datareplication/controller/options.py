"""What the operator is started with: environment -> frozen `Options`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from datareplication.core.lease import DEFAULT_TIMING, Timing
from datareplication.core.manifests import JobDefaults
from datareplication.core.pod_settings import JobSettings
from datareplication.core.sinks import SinkSettings
from datareplication.core.spec import first_error
from datareplication.errors import UsageError

LogFormat = Literal["text", "json"]

M = TypeVar("M", bound=BaseModel)

SINKS_FOLDER = "/etc/datareplication/sinks"
"""Where the chart mounts the sinks' Secrets, each below its sink's name."""


@dataclass(frozen=True)
class Options:
    """How this operator runs."""

    jobs: JobDefaults
    namespaces: tuple[str, ...] = ()
    """The namespaces to watch; empty for all of them."""
    workers: int = 8
    resync_seconds: float = 60.0
    port: int = 8080
    """For probes and metrics."""
    board_port: int = 0
    """For the board; 0: there is none."""
    board_hosts: tuple[str, ...] = ()
    """Host names by which viewers may ask for the board, besides those of the cluster and addresses."""
    log_level: str = "INFO"
    log_format: LogFormat = "text"
    instance: str = "datareplication-operator"
    """The operator's name in Events and, with a part that is unique to the process, in the Lease."""
    lease: tuple[str, str] = ("default", "datareplication-operator")
    """Namespace and name of the Lease."""
    timing: Timing = DEFAULT_TIMING
    notifications: SinkSettings = field(default_factory=SinkSettings)
    """Where notifications may go."""
    sinks_folder: Path = Path(SINKS_FOLDER)
    """Has a folder for each sink, with the keys of its Secret as files."""


def read_options(environment: Mapping[str, str]) -> Options:
    """Return the options of an environment; UsageError names the variable that is missing or wrong."""
    image = environment.get("JOB_IMAGE")
    if not image:
        raise UsageError(
            "JOB_IMAGE is not set: name the image that holds datareplication-dump and datareplication-load"
        )
    pull_secrets = _words(environment.get("JOB_IMAGE_PULL_SECRETS", ""))
    options = Options(
        jobs=JobDefaults(
            image,
            environment.get("JOB_IMAGE_PULL_POLICY", "IfNotPresent"),
            pull_secrets,
            _parsed(JobSettings, environment, "JOB_SETTINGS", "jobs"),
        ),
        namespaces=_words(environment.get("WATCH_NAMESPACES", "")),
        workers=int(_number(environment, "WORKERS", 8)),
        resync_seconds=_number(environment, "RESYNC_SECONDS", 60),
        port=int(_number(environment, "HTTP_PORT", 8080)),
        board_port=int(_number(environment, "BOARD_PORT", 1)) if environment.get("BOARD_PORT") else 0,
        board_hosts=_words(environment.get("BOARD_HOSTS", "")),
        log_level=environment.get("LOG_LEVEL", "INFO").upper(),
        log_format=_log_format(environment.get("LOG_FORMAT", "text")),
        instance=environment.get("POD_NAME", "datareplication-operator"),
        lease=(environment.get("POD_NAMESPACE", "default"), environment.get("LEASE_NAME", "datareplication-operator")),
        timing=Timing(max(1, int(_number(environment, "LEASE_DURATION_SECONDS", DEFAULT_TIMING.duration_seconds)))),
        notifications=_parsed(SinkSettings, environment, "NOTIFICATIONS", "notifications"),
        sinks_folder=Path(environment.get("SINKS_FOLDER", SINKS_FOLDER)),
    )
    if options.board_port == options.port:
        raise UsageError(f"BOARD_PORT is {options.port}, like HTTP_PORT; give the board a port of its own")
    return options


def _parsed(model: type[M], environment: Mapping[str, str], name: str, root: str) -> M:
    """Return a variable's JSON as a part of the chart's values; `root` is that part's name there."""
    try:
        return model.model_validate_json(environment.get(name) or "{}")
    except ValidationError as error:
        raise UsageError(f"{name}: {first_error(error, root).message}") from None


def _log_format(text: str) -> LogFormat:
    if text not in get_args(LogFormat):
        raise UsageError(f"LOG_FORMAT is {text!r}; it must be text or json")
    return cast("LogFormat", text)


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
