"""Reads the results of a simulation with pandas. Run it whole, or cell by cell in an editor that knows `# %%`.

    colony sim run internet --out results/internet-7 --seed 7
    python simulations/notebook/explore.py results/internet-7

It needs pandas and pyarrow. The last line it prints is a check: what the events say and what the summary says agree.
"""

# %% What was run
import json
import sys
from pathlib import Path

import pandas as pd

place = Path(sys.argv[1] if len(sys.argv) > 1 else "results/internet-1")
summary = json.loads((place / "summary.json").read_text())
metrics = {name: metric["value"] for name, metric in summary["metrics"].items()}
print(summary["scenario"], "seed", summary["seed"])

# %% The time series: one row for each point
series = pd.read_parquet(place / "series.parquet")
series["seconds"] = series["time_us"] / 1e6
print(series[["seconds", "waiting", "running", "ended"]].describe().round(1))
assert series.drop(columns="seconds").equals(pd.read_csv(place / "series.csv")), "CSV and Parquet differ"

# %% Single events: what happened to each process
events = pd.read_parquet(place / "events.parquet")
print(events["event"].value_counts())
assigned = events[events["event"] == "assigned"]["value"] / 1e3
print("submission to executor, ms:", assigned.quantile([0.5, 0.95, 0.99]).round(1).to_dict())

# %% Does it agree with the summary?
ended = events["event"].isin(["succeeded", "failed"]).sum()
if summary["events_not_recorded"] == 0:
    assert (events["event"] == "submitted").sum() == metrics["processes"]
    assert ended == metrics["succeeded"] + metrics["failed"]
    median = assigned.median() if len(assigned) else 0
    assert abs(median - metrics["submit_to_assigned_p50"]) <= 0.02 * max(median, 1), (median, metrics)
print("agrees:", len(series), "points,", len(events), "events")
