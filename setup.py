"""Which folders are which packages: a mapping that pyproject.toml cannot state beside a search for packages."""

from setuptools import find_packages, setup

MAPPED = ("flows", "mpc_tasks", "deployments", "synthetic_data")

setup(
    packages=[
        *find_packages(include=["counterfoil", "counterfoil.*"]),
        "counterfoil.templates",  # a link to contracts/ in a checkout
        *(f"counterfoil_prefect.{name}" for name in MAPPED),
        *(f"counterfoil_prefect.{name}.{inner}" for name in MAPPED for inner in find_packages(name)),
    ],
    package_dir={
        "counterfoil": "counterfoil",
        "counterfoil.templates": "contracts",
        **{f"counterfoil_prefect.{name}": name for name in MAPPED},
    },
)
