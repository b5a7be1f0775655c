"""Copy a suite's records to MLflow: `python -m stages.track SUITE`.

Cost: about 10 s for 60 runs into a new `mlflow.db`, 3 s if nothing is new. Nothing depends on what it writes:
`mlflow.db` can be deleted at any time; this command writes it again completely. DVC sees `data/tracked/<suite>.json`,
as the bytes of a database differ from run to run. If MLFLOW_TRACKING_URI names another store,
that one is filled too; a store that cannot be reached gives a warning. Needs MLflow, which is an extra.
"""

from __future__ import annotations

import os
from pathlib import Path

from privprune.files import write_json
from privprune.tracking import track
from stages.harness.records_stage import DATA, REPORTS, run


def main(suite: str) -> None:
    """Fill `mlflow.db`, and the store that MLFLOW_TRACKING_URI names, from `reports/<suite>/records`."""
    filled = track(REPORTS / suite / "records", Path.cwd(), os.environ.get("MLFLOW_TRACKING_URI", ""))
    write_json(DATA / "tracked" / f"{suite}.json", {"runs": filled.added + filled.found})
    print(f"{filled.added} runs written to mlflow.db, {filled.found} were there; after `mlflow ui` see")
    # Without its last part, the address shows MLflow's pages about language models.
    print(f"http://127.0.0.1:5000/#/experiments/{filled.experiment}?workflowType=machine_learning")


if __name__ == "__main__":
    run(main)
