"""Tests of the step from scores to the next picks."""

import copy
from itertools import combinations

import numpy as np
import pytest

from mmal.engine import acquire, draw_candidates
from mmal.queries import LearnedLoss, Query, Random
from mmal.structures import Pool, PoolScores

IDS = [f"VOC2007/{i:03}" for i in range(30)]
LABELED = IDS[10:15]
UNLABELED = IDS[:10] + IDS[15:]


class Images:
    """All that acquisition reads of the unlabelled split."""

    def __init__(self, ids: list[str]) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def sample_name(self, idx: int) -> tuple[str, str]:
        return self._ids[idx], f"data/{self._ids[idx]}.jpg"

    def image_file(self, idx: int) -> tuple[str, None] | None:
        return None


class Scorer:
    """Scores by a table, and remembers what it was asked for."""

    def __init__(self, seed: int = 0) -> None:
        self.asked: list[list[str]] = []
        self.table = dict(zip(IDS, np.random.default_rng(seed).normal(size=30), strict=True))

    def __call__(self, ids: list[str]) -> PoolScores:
        self.asked.append(ids)
        values = np.array([self.table[i] for i in ids], np.float32)
        return PoolScores(list(ids), [f"data/{i}.jpg" for i in ids], dict(pred_loss=values))

    def best(self, ids: list[str], budget: int) -> list[str]:
        return sorted(ids, key=self.table.get, reverse=True)[:budget]


@pytest.fixture
def pool() -> Pool:
    pool = Pool(IDS, seed=5)
    pool.commit(LABELED, "initial", None)
    return pool


@pytest.fixture
def run(pool, tmp_path):
    """Acquire into ``tmp_path/round``; the pool file is ``tmp_path/pool.json``."""

    def call(
        query: Query, score: Scorer, budget: int = 3, subset: int | None = None, into=pool, **kwargs
    ):
        picks, call.doubt, call.skipped = acquire(
            into,
            tmp_path / "pool.json",
            tmp_path / "round",
            Images(into.unlabeled_ids),
            query,
            budget,
            subset,
            score,
            **kwargs,
        )
        return picks

    return call


# Candidates


@pytest.mark.parametrize("subset", [None, 25, 26])
def test_whole_unlabelled_pool_is_candidate(pool, subset):
    assert draw_candidates(pool, subset) == UNLABELED


def test_subset_is_drawn_without_replacement_in_the_order_of_the_data_set(pool):
    candidates = draw_candidates(pool, 9)

    assert len(set(candidates)) == 9
    assert candidates == [i for i in UNLABELED if i in candidates]
    assert draw_candidates(pool, 9) == candidates


def test_subset_depends_on_seed_and_round():
    def places(seed: int, rounds: int) -> tuple[int, ...]:
        pool = Pool([f"{i:04}" for i in range(1000)], seed=seed)
        for i in range(rounds):
            pool.commit([f"{999 - i:04}"], "Random", None)
        return tuple(int(sample_id) for sample_id in draw_candidates(pool, 20))

    drawn = [places(seed, rounds) for seed in range(3) for rounds in range(3)]
    # Two draws of 20 in 1000 share 20 * 20 / 1000 = 0.4 samples on average.
    shared = [len(set(a) & set(b)) for a, b in combinations(drawn, 2)]
    assert max(shared) <= 5


def test_every_sample_can_be_a_candidate():
    seen = [draw_candidates(Pool(IDS, seed=seed), 15) for seed in range(300)]
    counts = [sum(i in drawn for drawn in seen) for i in IDS]

    # Half of the 300 draws each, with a deviation of sqrt(300) / 2 = 8.7.
    assert max(abs(n - 150) for n in counts) < 4 * 8.7


# Acquisition


@pytest.mark.parametrize("subset", [None, 12])
def test_picks_are_committed_and_everything_is_on_disk(pool, run, tmp_path, subset):
    score = Scorer()
    candidates = draw_candidates(pool, subset)
    picks = run(LearnedLoss(), score, subset=subset)

    assert picks == score.best(candidates, 3)
    assert score.asked == [candidates]
    assert pool.labeled_ids == LABELED + picks
    assert pool.rounds[-1].query == "LearnedLoss"
    assert Pool.load(tmp_path / "pool.json", IDS) == pool
    assert (tmp_path / "round" / "picks.txt").read_text() == "".join(
        f"data/{i}.jpg\n" for i in picks
    )
    written = PoolScores.load(tmp_path / "round" / "scores.parquet")
    assert written.ids == candidates
    assert written.img_paths == [f"data/{i}.jpg" for i in candidates]
    np.testing.assert_array_equal(
        written.fields["pred_loss"], np.array([score.table[i] for i in candidates], np.float32)
    )


def test_a_note_is_taken_before_the_commit(pool, run, tmp_path):
    noted = []

    def note(acquired):
        noted.append((acquired.picks, pool.labeled_ids, (tmp_path / "pool.json").exists()))

    picks = run(LearnedLoss(), Scorer(), note=note)
    assert noted == [(picks, LABELED, False)]
    assert pool.labeled_ids == LABELED + picks


def test_query_without_scores_scores_nothing(run, tmp_path):
    score = Scorer()
    picks = run(Random(), score)

    assert len(set(picks) & set(UNLABELED)) == 3
    assert score.asked == []
    assert sorted(p.name for p in (tmp_path / "round").iterdir()) == ["picks.csv", "picks.txt"]


def test_queries_of_one_seed_see_the_same_candidates(pool, run):
    score = Scorer()
    random_picks = run(Random(), score, budget=12, subset=12)

    assert set(random_picks) == set(draw_candidates(Pool(IDS, 5, pool.rounds[:1]), 12))


def test_chance_depends_on_seed_and_round_and_not_on_what_was_drawn_before(run):
    def picks(seed: int, rounds: int) -> list[str]:
        pool = Pool(IDS, seed)
        for i in range(rounds):
            pool.commit([IDS[-1 - i]], "initial", None)
        return run(Random(), Scorer(), budget=15, into=pool)

    np.random.seed(0)
    expected = picks(0, 1)
    np.random.seed(1)
    assert picks(0, 1) == expected
    for other in (picks(1, 1), picks(0, 2)):
        # In random order one of 15 picks has the place of another draw's by a chance of 1 in 30.
        assert sum(a == b for a, b in zip(expected, other, strict=True)) <= 4


@pytest.mark.parametrize("step", ["score", "query", "commit"])
def test_what_was_interrupted_can_be_repeated(pool, run, tmp_path, monkeypatch, step):
    score = Scorer()
    expected = score.best(UNLABELED, 3)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "query":
            patch.setattr(LearnedLoss, "select", interrupt)
        elif step == "commit":
            patch.setattr(Pool, "save", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(LearnedLoss(), interrupt if step == "score" else score)
    assert pool.labeled_ids == LABELED
    assert not (tmp_path / "pool.json").exists()

    assert run(LearnedLoss(), score) == expected
    assert pool.labeled_ids == LABELED + expected


def test_scores_of_an_earlier_attempt_are_not_used(run, tmp_path):
    Scorer(seed=1)(UNLABELED).save(tmp_path / "round" / "scores.parquet")
    score = Scorer()

    assert run(LearnedLoss(), score) == score.best(UNLABELED, 3)
    written = PoolScores.load(tmp_path / "round" / "scores.parquet")
    np.testing.assert_array_equal(written.fields["pred_loss"], score(UNLABELED).fields["pred_loss"])


def test_budget_beyond_the_candidates_changes_nothing(pool, run, tmp_path):
    with pytest.raises(ValueError, match=r"samples, 4\. Got 5 instead"):
        run(Random(), Scorer(), budget=5, subset=4)

    assert pool.labeled_ids == LABELED
    assert not (tmp_path / "pool.json").exists()


def test_only_the_main_process_writes(pool, run, tmp_path, monkeypatch):
    monkeypatch.setattr("mmal.engine.acquisition.is_main_process", lambda: False)
    score = Scorer()

    def from_main_process(answer):
        answer[0] = score.best(UNLABELED, 3), []

    monkeypatch.setattr("mmal.engine.acquisition.broadcast_object_list", from_main_process)
    assert run(LearnedLoss(), score) == score.best(UNLABELED, 3)
    assert pool.labeled_ids == LABELED + score.best(UNLABELED, 3)
    assert not list(tmp_path.iterdir())


def test_query_that_reads_labelled_samples_gets_their_scores_and_picks_none(pool, run, tmp_path):
    class Farthest(Query):
        """Picks by the distance from the first labelled sample, whose scores it must know."""

        requires = ("pred_loss",)
        reads_labeled = True

        def _pick(self, scores, labeled, budget, rng):
            assert labeled.ids == LABELED
            distances = abs(scores.fields["pred_loss"] - labeled.fields["pred_loss"][0])
            return np.argsort(-distances)[:budget]

    score = Scorer()
    picks = run(Farthest(), score, subset=12)

    candidates = draw_candidates(Pool(IDS, 5, pool.rounds[:1]), 12)
    first = score.table[LABELED[0]]
    assert picks == sorted(candidates, key=lambda i: -abs(score.table[i] - first))[:3]
    assert score.asked == [candidates + LABELED]
    assert PoolScores.load(tmp_path / "round" / "scores.parquet").ids == candidates


def test_failure_to_pick_reaches_every_process(run, monkeypatch):
    monkeypatch.setattr("mmal.engine.acquisition.is_main_process", lambda: False)

    def from_main_process(answer):
        answer[0] = ValueError("cannot rank")

    monkeypatch.setattr("mmal.engine.acquisition.broadcast_object_list", from_main_process)
    with pytest.raises(ValueError, match="cannot rank"):
        run(LearnedLoss(), Scorer())


# Doubt


class Equal(Scorer):
    """Gives all samples the same score, but for rounding."""

    def __init__(self) -> None:
        super().__init__()
        self.table = {name: 1 + 6e-8 * value for name, value in self.table.items()}


def test_equal_scores_are_doubted_and_picked_by_all_the_same(run, pool):
    picks = run(LearnedLoss(), Equal())
    assert "pred_loss of all 25 candidates is the same" in run.doubt
    assert pool.rounds[-1].query == "LearnedLoss"
    assert len(picks) == 3


def test_different_scores_are_not_doubted(run):
    run(LearnedLoss(), Scorer())
    assert run.doubt is None


@pytest.mark.parametrize("doubt", [None, "the module has collapsed"])
def test_doubtful_rounds_may_be_drawn_at_random(run, pool, doubt):
    score = Scorer() if doubt else Equal()
    expected = run(Random(), Scorer(), into=copy.deepcopy(pool))
    picks = run(LearnedLoss(), score, doubt=doubt, draw_doubtful=True)
    assert picks == expected  # whatever the scores are
    assert pool.rounds[-1].query == "Random in place of LearnedLoss"
    assert run.doubt == doubt or "the same" in run.doubt
