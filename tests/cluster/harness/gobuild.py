"""Building Go programs: our own from the modules under go/, and published ones by `go install`.

Every result is a static binary in the cache, keyed by its sources and its version.
"""

from pathlib import Path

from harness import cache, programs, versions
from harness.progress import step

SOURCES = Path(__file__).parent / "go"
REMEDY = "install Go 1.26 or newer (the clusters' programs are built from Go modules)"
STATIC = {"CGO_ENABLED": "0"}
# The one program of ours that runs on this machine; all others run in containers, whatever this machine is.
LOCAL_PACKAGES = {"kubectl"}


def program(module: str, package: str) -> Path:
    """Return the binary of one of our programs: `package` ("." for the root) of the module go/`module`."""
    name = module if package == "." else package

    def build(folder: Path) -> None:
        with step(f"build {name} from Go modules"):
            _build(SOURCES / module, package, folder / name)

    return cache.artifact(name, key(module, package), build) / name


def key(module: str, package: str) -> str:
    """Hash what decides about a program of ours: its own package and the pinned modules, not its neighbours."""
    folder = SOURCES / module
    package_folder = folder if package == "." else folder / package
    return cache.key(folder / "go.mod", folder / "go.sum", package_folder, _flags())


def published(name: str, module: str, version: str) -> Path:
    """Return the binary `name` of a published module, as `go install` makes it."""

    def install(folder: Path) -> None:
        with step(f"install {name} {version} from Go modules"):
            go = programs.require("go", REMEDY)
            programs.run([go, "install", f"{module}@{version}"], env={**STATIC, "GOBIN": str(folder)})

    return cache.artifact(name, version, install) / name


def architecture() -> str:
    """Return this machine's architecture, as images name it too."""
    go = programs.require("go", REMEDY)
    return programs.run([go, "env", "GOARCH"]).strip()


def _build(source: Path, package: str, binary: Path) -> None:
    go = programs.require("go", REMEDY)
    target = "." if package == "." else f"./{package}"
    system = {} if package in LOCAL_PACKAGES else {"GOOS": "linux"}
    command: list[str | Path] = [
        go,
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        _flags(),
        "-o",
        binary,
        target,
    ]
    programs.run(command, env={**STATIC, **system}, cwd=source)


def _flags() -> str:
    """Return the linker's flags: no debugger's tables, and the version that Kubernetes' programs report."""
    _, minor, _ = versions.KUBERNETES.split(".")
    values = {
        "gitVersion": versions.KUBERNETES,
        "gitMajor": "1",
        "gitMinor": minor,
        "gitTreeState": "clean",
        "gitCommit": "0" * 40,
        "buildDate": "2026-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    settings = [f"-X {package}.{name}={value}" for package in packages for name, value in values.items()]
    return " ".join(["-s", "-w", *settings])
