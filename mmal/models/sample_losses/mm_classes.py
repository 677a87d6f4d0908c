"""Classes of the MM packages, by name."""

from torch import nn

#: Where the classes are from that strategies know by name.
_PACKAGES = ("mmdet.", "mmpose.", "mmpretrain.")


def class_name(module: object) -> str:
    """Return the name of a class of MMDetection, MMPose or MMPretrain; nothing for any other.

    By name, because the packages of other tasks need not be installed; only theirs, because a
    class of the same name elsewhere may compute something else.
    """
    kind = type(module)
    return kind.__name__ if kind.__module__.startswith(_PACKAGES) else ""


def loss_is_of(class_name: str, model: nn.Module) -> bool:
    """Whether ``model`` computes its loss by the method of this MM class, not overridden.

    What :class:`mmal.LearningLoss` adds around the target's loss does not count.
    """
    losses = (vars(kind)["loss"] for kind in type(model).__mro__ if "loss" in vars(kind))
    targets = (loss for loss in losses if not loss.__module__.startswith("mmal."))
    loss = next(targets, None)
    return (
        loss is not None
        and loss.__qualname__ == f"{class_name}.loss"
        and loss.__module__.startswith(_PACKAGES)
    )
