"""The table at the end of a run."""

from rich.table import Table


def rounds_table(records: list[dict]) -> Table:
    """Return a table with a row a round.

    ``ranking`` is the ranking accuracy of the predicted losses, ``trivial`` that of the best
    uncertainty, which took no learning; of one that means little, ``ranking`` has a question mark.
    Steps that no round took, as a loop's trainings pick
    nothing, have no column.

    Args:
        records: What ``metrics.json`` holds, a dict a round.
    """
    # An evaluator may have none of a model that detects nothing yet.
    metric = next((name for record in records for name in record["metrics"]), "metric")
    table = Table()
    steps = dict(train="train s", evaluate="eval s", score="score s", query="pick s")
    steps = {k: v for k, v in steps.items() if any(k in record["seconds"] for record in records)}
    short = metric.rpartition("/")[2]
    columns = ("round", "labelled", short, "ranking", "trivial")
    for name in (*columns, *steps.values()):
        table.add_column(name, justify="right", no_wrap=True)
    for record in records:
        ranking = record.get("ranking_accuracy")
        yardsticks = (record.get("yardsticks") or {}).values()
        table.add_row(
            str(record["round"]),
            str(record["labeled"]),
            f"{record['metrics'][metric]:.4f}" if metric in record["metrics"] else "-",
            "-" if ranking is None else f"{ranking:.3f}" + " ?" * bool(record.get("ranking_doubt")),
            f"{max(yardsticks):.3f}" if yardsticks else "-",
            *(_seconds(record["seconds"].get(step)) for step in steps),
        )
    if any(record.get("ranking_doubt") for record in records):
        table.caption = "?: predicted losses mean little; ranking_doubt in metrics.json says why"
    return table


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
