"""Whether queries pick the same samples."""

from collections.abc import Mapping, Sequence

import numpy as np

#: By query and seed, the ids picked in each round, without the initial labelled set.
Picks = Mapping[str, Mapping[int, Sequence[Sequence[str]]]]


def picks_overlap(picks: Picks, rounds: int) -> np.ndarray:
    """Share of the picks that each two queries have in common, mean over the trials.

    After one round the queries have chosen among the same samples by the same model. Later their
    models differ, too.

    Args:
        picks: Picks of Q queries in the same trials.
        rounds: How many rounds of picks count, from the first.

    Returns:
        Shares of shape (Q, Q), symmetric, 1 on the diagonal.
    """
    queries = list(picks)
    seeds = sorted(set.intersection(*(set(trials) for trials in picks.values())))
    sets = {
        (query, seed): {i for acquired in picks[query][seed][:rounds] for i in acquired}
        for query in queries
        for seed in seeds
    }
    shares = np.empty((len(queries), len(queries)))
    for i, j in np.ndindex(shares.shape):
        pairs = [(sets[queries[i], seed], sets[queries[j], seed]) for seed in seeds]
        shares[i, j] = np.mean([len(a & b) / min(len(a), len(b)) for a, b in pairs])
    return shares
