# Queries compared on CIFAR-10 with a long tail of rare classes; the test set has as many images of each.
_base_ = "./resnet18-narrow_cifar10.py"

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="mmal.LongTailed",
        # The class of rank r keeps 5000 / (r + 1) images, the last one 500: 14,645 in all.
        exponent=1.0,
        # Which class is how frequent is drawn; order=(...) would name them.
        seed=0,
        dataset=_base_.train_dataloader.dataset,
    )
)
# 2,500 of 14,645 labelled in the end: so few that a query can still find more of the rare.
active_learning = dict(rounds=5, initial=500, budget=500, subset=None)
