"""Ask Great Expectations, in this process and nowhere else: nothing is sent, kept or reported.

The only module that imports it, and only when a table is checked (it takes seconds).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

Detail = Literal["BOOLEAN_ONLY", "SUMMARY"]


@dataclass(frozen=True, slots=True)
class Asked:
    """An expectation by the name of its class or its snake case, with arguments as the frame holds values."""

    type: str
    arguments: Mapping[str, Any]


class Engine:
    """A source of frames for Great Expectations, in a context that keeps and reports nothing."""

    def __init__(self) -> None:
        import great_expectations as gx  # noqa: PLC0415 (seconds; see the module's docstring)
        from great_expectations.data_context.types import base  # noqa: PLC0415

        logging.captureWarnings(False)  # the import turned it on; warnings of other modules are not ours to log
        config = base.DataContextConfig(
            analytics_enabled=False,
            progress_bars=base.ProgressBarsConfig(globally=False),
            store_backend_defaults=base.InMemoryStoreBackendDefaults(),
        )
        context = gx.get_context(mode="ephemeral", project_config=config)
        asset = context.data_sources.add_pandas("owner").add_dataframe_asset("table")
        self._batches = asset.add_batch_definition_whole_dataframe("all")

    def batch(self, frame: pd.DataFrame) -> Any:
        """Return the frame as what expectations are asked of."""
        return self._batches.get_batch({"dataframe": frame})


def verdicts(batch: Any, asked: Sequence[Asked]) -> list[bool]:
    """Tell which expectations hold of the batch; one that cannot be evaluated does not."""
    import great_expectations as gx  # noqa: PLC0415

    made = [_made(each, number) for number, each in enumerate(asked)]
    suite = gx.ExpectationSuite(name="contract", expectations=made)
    with warnings.catch_warnings(action="ignore"):  # which tell about the code of others, not about the table
        results = batch.validate(suite, result_format="BOOLEAN_ONLY").results if made else []  # in an order of its own
    held = {result.expectation_config.meta["rule"]: bool(result.success) for result in results}
    return [held.get(number, False) for number in range(len(asked))]


def look(batch: Any, asked: Asked, shown: int) -> Mapping[str, Any]:
    """Return what Great Expectations tells of an expectation, for the owner's eyes: rows, and cells."""
    format_ = {"result_format": "SUMMARY", "partial_unexpected_count": shown}
    with warnings.catch_warnings(action="ignore"):
        found: Mapping[str, Any] = batch.validate(_made(asked, 0), result_format=format_).result
    return found


def _made(asked: Asked, number: int) -> Any:
    from great_expectations import expectations as gxe  # noqa: PLC0415
    from great_expectations.expectations import registry  # noqa: PLC0415

    known = getattr(gxe, asked.type, None) or registry.get_expectation_impl(asked.type)
    return known(**asked.arguments, meta={"rule": number})
