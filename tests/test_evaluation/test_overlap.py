import numpy as np

from mmal.evaluation.overlap import picks_overlap

PICKS = {
    "A": {0: [["a", "b"], ["c", "d"]], 1: [["a", "b"], ["c", "d"]], 2: [["x", "y"], ["z", "w"]]},
    "B": {0: [["b", "e"], ["a", "c"]], 1: [["f", "g"], ["h", "i"]]},
}


def test_shares_in_common_are_means_over_common_trials():
    # One of two in trial 0, none in trial 1; trial 2 is A's alone.
    np.testing.assert_allclose(picks_overlap(PICKS, 1), [[1, 0.25], [0.25, 1]])


def test_all_rounds_count_whenever_a_sample_was_picked():
    # a, b and c of four.
    np.testing.assert_allclose(picks_overlap(PICKS, 2), [[1, 0.375], [0.375, 1]])
