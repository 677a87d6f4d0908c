"""Learned loss with a module that is never wrong: an experiment's query, which reads the labels.

../results.md has what it was made for, and the command.
"""

from pathlib import Path

import numpy as np

from mmal.queries import Query
from mmal.queries.picking import top_k
from mmal.registry import QUERIES


@QUERIES.register_module()
class TrueLoss(Query):
    """Picks the images whose cross-entropy under their own label is largest.

    For classifiers, and images that lie in a folder a class.

    Raises:
        ValueError: If the candidates do not lie in as many folders as the model has classes.
    """

    requires = ("logit_gradient",)

    def _pick(self, scores, labeled, budget, rng):
        gradient = scores.fields["logit_gradient"]  # softmax, less 1 at the most probable class
        folders = [Path(path).parent.name for path in scores.img_paths]
        classes, labels = np.unique(folders, return_inverse=True)
        if len(classes) != gradient.shape[1]:
            raise ValueError(
                f"TrueLoss takes the folders of images for their labels. The candidates lie in "
                f"{len(classes)} folders, {classes[:3].tolist()} …; the model has "
                f"{gradient.shape[1]} classes."
            )
        of_label = gradient[np.arange(len(labels)), labels] + (gradient.argmin(axis=1) == labels)
        return top_k(-of_label, budget, rng)  # -log falls with it
