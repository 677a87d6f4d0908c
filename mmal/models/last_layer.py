"""The gradient of a classifier's last layer under its own prediction."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import one_hot

from mmal.utils.record import recorded

from .sample_losses.mm_classes import class_name

#: Heads whose scores are a linear layer of what ``pre_logits`` returns, and predict by a softmax.
LINEAR_HEADS = (
    "EfficientFormerClsHead",
    "LinearClsHead",
    "StackedLinearClsHead",
    "VigClsHead",
    "VisionTransformerClsHead",
)


def check_last_layer(model: nn.Module) -> None:
    """Check that ``model`` has a last layer that :func:`last_layer_gradient` knows.

    Raises:
        TypeError: If it has none.
    """
    head = getattr(model, "head", None)
    if class_name(head) not in LINEAR_HEADS:
        found = type(model).__name__ + (f" with {type(head).__name__}" if head is not None else "")
        raise TypeError(
            f"{found} has no gradient embeddings, which the query BADGE needs: they are those of a "
            "linear layer under a softmax over the classes of an image. Use another query, such as "
            "KMeansPlusPlus, which does with predicted losses what BADGE does with gradients, or "
            f"an image classifier with one of the heads {', '.join(LINEAR_HEADS)}."
        )


def last_layer_gradient(model: nn.Module, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Differentiate the cross-entropy under the most probable class.

    By the weights of the last layer, the gradient of the cross-entropy under the label y' is the
    outer product of ``softmax(scores) - one_hot(y')`` and the layer's input (Ash et al., "Deep
    Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds", ICLR 2020, equation 1).
    With C classes and D inputs it has C * D numbers, its factors C + D; only these are computed.
    The cross-entropy is meant whatever loss the classifier is trained with.

    Args:
        model: A classifier that :func:`check_last_layer` lets pass, in evaluation mode.
        feats: What its ``extract_feat`` returned.

    Returns:
        The gradient by the scores, of shape (N, C), and the layer's input, of shape (N, D), both
        in float32.
    """
    with recorded(model.head, "pre_logits") as calls:
        scores = model.head(feats).float()
    likeliest = one_hot(scores.argmax(dim=1), scores.shape[1])
    return scores.softmax(dim=1) - likeliest, calls[0].result.float()
