# Queries compared in minutes on CIFAR-10 with a long tail of rare classes; the test set has as many
# images of each: docs/cached_features.md.
_base_ = "./mobilenetv2-frozen_cifar10.py"

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="mmal.LongTailed",
        exponent=1.0,  # the class of rank r keeps 5000 / (r + 1) images: 14,645 in all
        seed=0,
        dataset=_base_.train_dataloader.dataset,
    )
)
active_learning = dict(rounds=5, initial=200, budget=200, subset=None)
