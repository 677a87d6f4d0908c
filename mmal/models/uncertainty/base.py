"""What a target model predicts, as probability distributions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn


class PredictedDistributions(ABC):
    """How one family of target models yields distributions, before any suppression of boxes.

    A subclass says which models it knows and runs their heads.
    """

    #: Whether they are of objects, of which a sample may have any number.
    of_objects: bool = False

    @classmethod
    @abstractmethod
    def supports(cls, model: nn.Module) -> bool:
        """Whether the heads of ``model`` are understood."""

    @abstractmethod
    def predict(
        self, model: nn.Module, feats: Sequence[Tensor], data_samples: Sequence
    ) -> list[Tensor]:
        """Run the heads.

        Args:
            model: The target model, in evaluation mode.
            feats: What its ``extract_feat`` returned.
            data_samples: The N data samples; their annotations are not looked at.

        Returns:
            For each sample a tensor of shape (n, C) of n distributions, those of its boxes, joints
            or labels; n may be 0.
        """
