# Queries compared in minutes: a frozen MobileNetV2 whose features are computed once, and a small
# head and the loss prediction module that train on them. docs/cached_features.md, docs/results.md.
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
# ImageNet's weights of the backbone, with the keys of MMPretrain.
pretrained = "data/weights/mobilenet_v2_imagenet_mmpose_mmpretrain_keys.pth"
channels = [32, 96, 320, 1280]
model = dict(
    feat_modules=None,  # what extract_feat returns: the backbone's levels, averaged by its neck
    target=dict(
        backbone=dict(
            _delete_=True,
            type="MobileNetV2",
            out_indices=(2, 4, 6, 7),
            init_cfg=dict(type="Pretrained", checkpoint=pretrained),
        ),
        head=dict(
            type="StackedLinearClsHead",
            num_classes=len(classes),
            in_channels=channels[-1],
            mid_channels=[256],
        ),
    ),
    loss_predictor=dict(in_channels=channels),
)
data_preprocessor = dict(num_classes=len(classes))

# Three times their size: at 32 pixels the last stage would see one position.
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=96),
    dict(type="PackInputs"),
]
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=96),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
folders = dict(data_root=data_root, metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=128, num_workers=0, dataset=dict(pipeline=train_pipeline, **folders)
)
test_dataloader = dict(
    batch_size=250, num_workers=0, dataset=dict(pipeline=test_pipeline, **folders)
)
val_dataloader = test_dataloader

max_epochs = 20
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=2e-3, weight_decay=0.05))
param_scheduler = [
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True)
]
default_hooks = dict(checkpoint=dict(interval=max_epochs))
# The features are the same whatever the ranking loss says: from the first epoch on.
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=0)]

active_learning = dict(
    rounds=5,
    initial=1000,
    budget=1000,
    subset=10000,
    # Two views: an image as it is or mirrored. Averages are all that the head reads.
    cached_features=dict(views=2, average=True),
)
