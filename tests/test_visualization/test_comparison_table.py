"""Tests of the tables of a comparison."""

import numpy as np
import pytest

from mmal.evaluation.summary import Summary, summarize
from mmal.visualization.comparison_table import gain_rows, markdown_table, metric_rows, verdicts


def summary(curves: dict[str, np.ndarray]) -> Summary:
    """Summarise values of shape (seeds, rounds); a round has 10 labels more."""
    rows = {
        query: {
            seed: [{"labeled": 10 * i + 10, "mAP": float(v)} for i, v in enumerate(curve)]
            for seed, curve in enumerate(values)
        }
        for query, values in curves.items()
    }
    return summarize(rows, "mAP", next(iter(rows)))


def simulated(seeds: int, gain: float, rng: np.random.Generator) -> Summary:
    """Two queries: the first learns by ``gain`` more than Random in all rounds, the other not."""
    true = np.array([0.2, 0.4, 0.5, 0.55])
    noise = {q: rng.normal(0, 0.02, (seeds, 4)) for q in ("Random", "Ours", "Other")}
    noise["Ours"][:, 1:] += gain
    return summary({query: true + values for query, values in noise.items()})


def test_few_seeds_have_their_gains_and_no_interval():
    ours = [[0.1, 0.3, 0.5], [0.1, 0.2, 0.3], [0.1, 0.3, 0.3]]
    found = summary({"Random": np.tile([0.1, 0.2, 0.3], (3, 1)), "Ours": np.array(ours)})

    assert metric_rows(found) == [
        ["query", "10", "20", "30"],
        ["Random", "0.100 ± 0.000", "0.200 ± 0.000", "0.300 ± 0.000"],
        ["Ours", "0.100 ± 0.000", "0.267 ± 0.058", "0.367 ± 0.115"],
    ]
    # Areas of Ours by trapezoids: 0.3, 0.2, 0.25. t = 0.05 / (0.05 / sqrt(3)) = sqrt(3): p = 0.225.
    # The smallest visible gain: (4.303 + 1.061) * 0.05 / sqrt(3).
    header, random, row = gain_rows(found)
    assert header[2:4] == ["gain of area (each seed's)", "gain in %"]
    assert random == ["Random", "0.200", *[""] * 7]
    gains = "+0.050 (+0.100, +0.000, +0.050)"
    # Of six rounds three above, three equal. Not above the noise: nothing is saved.
    smallest = "0.155 (77.4%)"
    assert row == ["Ours", "0.250", gains, "+25.0%", "0.225", smallest, "2 of 3", "75%", ""]
    assert verdicts(found)[0].startswith("Ours: level with Random within the noise (2 of 3 seeds")
    assert verdicts(found)[1] == "No query is shown to be above Random."
    assert "paired t test (3 seeds are too few for Wilcoxon's" in verdicts(found)[2]


def test_true_gain_of_ten_seeds_has_interval_and_saves_labels():
    found = simulated(10, 0.05, np.random.default_rng(0))
    header, _, ours, other = gain_rows(found, "boxes")

    assert header[2] == "gain of area (95 %)"
    low, high = ours[2].split("(")[1].rstrip(")").split(" to ")
    assert 0 < float(low) < 0.05 * 2.5 / 3 < float(high)  # half of a step lies before round 1
    assert ours[6] == "10 of 10"
    assert header[-1] == "boxes saved"
    assert 5 < float(ours[-1]) < 15  # where Random ends, Ours was a round before
    assert other[-1] == ""
    lines = verdicts(found)
    assert lines[0] == "Ours: above Random (10 of 10 seeds, Holm p = 0.0039)."
    assert lines[1].startswith("Other: level with Random within the noise (")
    assert lines[2].startswith("By Wilcoxon's signed-rank test over 10 seeds, two-sided, with Holm")


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_noise_claims_nothing(seeds):
    """Whole tables, as of a detector that has learnt nothing: mAP 0.013 ± 0.016."""
    rng, tables, wrong = np.random.default_rng(0), 120, 0
    for _ in range(tables):
        values = np.maximum(rng.normal(0.013, 0.016, (3, seeds, 4)), 0)
        found = summary(dict(zip(["Random", "A", "B"], values, strict=True)))
        decided = [query.gain.verdict for query in found.compared]
        wrong += decided != ["level", "level"]
        saved = [row[-1] for row in gain_rows(found)[2:]]
        assert all(v == "above" for v, cell in zip(decided, saved, strict=True) if cell)
    assert wrong / tables <= 0.05 + 0.04  # two standard errors


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("seeds", "gain"), [(5, 0.05), (10, 0.03)])
def test_true_gains_are_seen(seeds, gain, sign):
    rng = np.random.default_rng(0)
    found = [simulated(seeds, sign * gain, rng).compared[0].gain.verdict for _ in range(60)]

    assert found.count("above" if sign > 0 else "below") > 45
    assert found.count("above" if sign < 0 else "below") == 0


def test_one_seed_decides_nothing():
    found = summary({"Random": np.array([[0.1, 0.2]]), "Ours": np.array([[0.1, 0.4]])})

    assert gain_rows(found)[2] == [
        "Ours",
        "0.250",
        "+0.100",
        "+66.7%",
        "",
        "",
        "1 of 1",
        "100%",
        "",
    ]
    assert verdicts(found) == [
        "Ours: not decided (1 of 1 above Random): 1 seed is too few; a verdict takes at least 3.",
    ]


def test_baseline_that_does_not_rise_is_named():
    found = summary({"Random": np.full((3, 3), 0.1), "Ours": np.full((3, 3), 0.1)})

    assert any(line.startswith("Random ends no higher than it began") for line in verdicts(found))
    assert gain_rows(found)[2][4] == "1.000"


def test_baseline_alone_has_no_gains():
    found = summary({"Random": np.array([[10.0, 30]])})

    assert gain_rows(found) == [["query", "area"], ["Random", "20.00"]]
    assert verdicts(found) == []
    assert markdown_table(gain_rows(found), "T") == (
        "T\n\n| query | area |\n| --- | ---: |\n| Random | 20.00 |\n"
    )
