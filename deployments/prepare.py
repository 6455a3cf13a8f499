"""Make, once after installation, what every demo starts from: an empty database of this Prefect. It takes seconds."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from counterfoil_prefect.deployments.stand import SETTINGS, database_url, prepared_database


def main() -> None:
    """Make the empty database in the environment."""
    target = prepared_database()
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        database = Path(folder) / target.name
        environment = {**os.environ, **SETTINGS, "PREFECT_HOME": folder}
        environment["PREFECT_API_DATABASE_CONNECTION_URL"] = database_url(database)
        prefect = str(Path(sys.executable).with_name("prefect"))
        subprocess.run(
            [prefect, "server", "database", "upgrade", "-y"], env=environment, check=True, capture_output=True
        )
        database.replace(target)


if __name__ == "__main__":
    main()
