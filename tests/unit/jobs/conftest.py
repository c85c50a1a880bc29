"""A manifest for tests, and hypothesis with a profile that gives the same result in each run."""

import hypothesis
import pytest

from datareplication.jobs.model import manifest as manifests
from datareplication.jobs.model.manifest import Manifest, Part

hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture(scope="session")
def manifest() -> Manifest:
    """A manifest without relations."""
    return Manifest(
        run=manifests.Run("uid", "run", "prod", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
        source=manifests.Source("7711", "app", 150018, "UTF8", "2024-01-01T00:00:00.5Z"),
        snapshot_time="2024-01-02T00:00:01Z",
        lsn="0/16B3748",
        compression="Zstd",
        schema=manifests.Schema(
            archive=Part("schema.dump", 0, 100, 100, "cd"),
            pg_dump_version=15,
            fingerprint="ef",
            roles=(manifests.Role("app", ("Owner", "Grant")),),
            extensions=(manifests.Extension("pg_trgm", "1.6"),),
            materialized_views=(manifests.MaterializedView("public", "mv"),),
            has_public=True,
        ),
        relations=(),
        sequences=(),
        tool_version="0.1.0",
        duration_seconds=1.5,
    )
