# Queries compared on CIFAR-10: docs/results.md. A ResNet-18 for small images with a quarter of the
# channels, 0.7 million parameters, that trains 1,000 images in half a minute on one CPU core.
# Images lie in a folder a class: docs/prepare_cifar10.md.
_base_ = "../classification/resnet18_folder.py"

data_root = "data/cifar10_folders/"
classes = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
channels = [16, 32, 64, 128]
model = dict(
    target=dict(
        backbone=dict(
            _delete_=True,
            type="ResNet_CIFAR",
            depth=18,
            stem_channels=channels[0],
            base_channels=channels[0],
            # The first stage, too, halves the image: a quarter of the arithmetic.
            strides=(2, 2, 2, 2),
        ),
        head=dict(num_classes=len(classes), in_channels=channels[-1]),
    ),
    loss_predictor=dict(in_channels=channels),
)
data_preprocessor = dict(
    num_classes=len(classes), mean=[125.307, 122.961, 113.8575], std=[51.5865, 50.847, 51.255]
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomCrop", crop_size=32, padding=4),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
test_pipeline = [dict(type="LoadImageFromFile"), dict(type="PackInputs")]
folders = dict(data_root=data_root, metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=64, num_workers=0, dataset=dict(pipeline=train_pipeline, **folders)
)
test_dataloader = dict(
    batch_size=500, num_workers=0, dataset=dict(pipeline=test_pipeline, **folders)
)
val_dataloader = test_dataloader

max_epochs = 20
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=4e-3, weight_decay=0.05))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(interval=max_epochs))
custom_hooks = [
    dict(type="mmal.ActiveLearningHook", detach_epoch=16),
    dict(type="mmal.ChannelsLastHook"),
]

active_learning = dict(rounds=5, initial=1000, budget=1000, subset=10000)
