# Queries compared on CIFAR-10 as if it had been cut out of videos: five images of each scene.
_base_ = "./resnet18-narrow_cifar10.py"

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
        # Beside each image.
        copies=4,
        # All images have copies.
        share=1.0,
        # As many as CIFAR-10 has: 10,000 different images, five times each.
        size=50000,
        # Which images these are.
        seed=0,
        dataset=images,
    )
)
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_dataloader = test_dataloader
