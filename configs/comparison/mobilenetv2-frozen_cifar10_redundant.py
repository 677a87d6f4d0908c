# Queries compared in minutes on CIFAR-10 as if it had been cut out of videos: docs/cached_features.md.
_base_ = "./mobilenetv2-frozen_cifar10.py"

# Makes near-duplicates of copies; images of the test set are none, and stay as they are.
vary = dict(type="mmal.VaryImage", strength=1.0)
train_pipeline = [_base_.train_pipeline[0], vary, *_base_.train_pipeline[1:]]
test_pipeline = [_base_.test_pipeline[0], vary, *_base_.test_pipeline[1:]]

images = _base_.train_dataloader.dataset
images["pipeline"] = train_pipeline
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="mmal.Redundant",
        copies=4,  # beside each image
        size=10000,  # 2,000 different images, five times each
        seed=0,
        dataset=images,
    )
)
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_dataloader = test_dataloader
active_learning = dict(rounds=5, initial=200, budget=200, subset=None)
