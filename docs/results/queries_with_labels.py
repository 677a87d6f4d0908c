"""Queries of an experiment, which read the labels: why does learned loss lose to random?

For classifiers whose classes are in alphabetical order, and images that lie in a folder a class.
../results.md has the commands and what came of them.
"""

from pathlib import Path

import numpy as np

from mmal.queries import Query
from mmal.queries.picking import top_k
from mmal.registry import QUERIES
from mmal.structures import PoolScores


def folders(scores: PoolScores) -> np.ndarray:
    """Return the names of the candidates' folders, their labels."""
    return np.array([Path(path).parent.name for path in scores.img_paths])


@QUERIES.register_module()
class TrueLoss(Query):
    """Picks the largest cross-entropies: learned loss with a module that is never wrong.

    Raises:
        ValueError: If the candidates do not lie in as many folders as the model has classes.
    """

    requires = ("logit_gradient",)

    def _pick(self, scores, labeled, budget, rng):
        gradient = scores.fields["logit_gradient"]  # softmax, less 1 at the most probable class
        classes, labels = np.unique(folders(scores), return_inverse=True)
        if len(classes) != gradient.shape[1]:
            raise ValueError(
                f"TrueLoss takes the folders of images for their labels. The candidates lie in "
                f"{len(classes)} folders, {classes[:3].tolist()} …; the model has "
                f"{gradient.shape[1]} classes."
            )
        of_label = gradient[np.arange(len(labels)), labels] + (gradient.argmin(axis=1) == labels)
        return top_k(-of_label, budget, rng)  # -log falls with it


@QUERIES.register_module()
class ClassesOfLearnedLoss(Query):
    """Draws at random as many images of each class as learned loss would pick."""

    requires = ("pred_loss",)

    def _pick(self, scores, labeled, budget, rng):
        labels = folders(scores)
        wanted = labels[top_k(scores.fields["pred_loss"], budget, rng)]
        drawn = [
            rng.choice(np.flatnonzero(labels == name), np.count_nonzero(wanted == name), False)
            for name in np.unique(wanted)
        ]
        return rng.permutation(np.concatenate(drawn))
