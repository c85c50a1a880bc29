"""A provider of security labels that takes any label, compiled for a test's servers: PostgreSQL's packages have none."""

import subprocess
from pathlib import Path

SOURCE = """
struct magic { int len, version, funcmaxargs, indexmaxkeys, namedatalen, float8byval; char abi_extra[32]; };
const struct magic *Pg_magic_func(void) {
    static const struct magic made = { sizeof(struct magic), VERSION, 100, 32, 64, 1, "PostgreSQL" };
    return &made;
}
extern void register_label_provider(const char *provider, void (*check)(const void *object, const char *label));
static void check(const void *object, const char *label) { (void)object; (void)label; }
void _PG_init(void) { register_label_provider("anything", check); }
"""
"""It uses none of PostgreSQL's headers: their package depends on another compiler. The layout is that of 15 and later.
"""


def provider(directory: Path, major: int) -> Path:
    """Compile the library in `directory` and return it; a server loads it by shared_preload_libraries."""
    source, library = directory / "labels.c", directory / "labels.so"
    source.write_text(SOURCE)
    subprocess.run(
        ["cc", "-shared", "-fPIC", f"-DVERSION={major * 100}", "-o", library, source], check=True, capture_output=True
    )
    return library
