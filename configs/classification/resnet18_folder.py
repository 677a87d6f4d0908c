# A ResNet-18 on your own images, a folder a class:
#
#     data/my_images/train/<class>/*.jpg
#     data/my_images/test/<class>/*.jpg
_base_ = ["mmpretrain::_base_/models/resnet18.py", "mmpretrain::_base_/default_runtime.py"]
custom_imports = dict(imports=["mmal"])

data_root = "data/my_images/"
# In the order of their sorted names, as MMPretrain numbers folders.
classes = ("cat", "dog")
# ImageNet's weights, for this backbone alone; None to train from scratch.
pretrained = "https://download.openmmlab.com/mmclassification/v0/resnet/resnet18_8xb32_in1k_20210831-fbbb1da6.pth"

target = _base_.model
target["backbone"]["init_cfg"] = (
    None
    if pretrained is None
    else dict(type="Pretrained", checkpoint=pretrained, prefix="backbone")
)
target["head"].update(num_classes=len(classes), topk=(1,))
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    feat_modules=["backbone.layer1", "backbone.layer2", "backbone.layer3", "backbone.layer4"],
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[64, 128, 256, 512]),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1.0),
)
data_preprocessor = dict(
    num_classes=len(classes),
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomResizedCrop", scale=224),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="ResizeEdge", scale=256, edge="short"),
    dict(type="CenterCrop", crop_size=224),
    dict(type="PackInputs"),
]
dataset = dict(type="CustomDataset", data_root=data_root, metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(data_prefix="train", pipeline=train_pipeline, **dataset),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=2,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(data_prefix="test", pipeline=test_pipeline, **dataset),
)
val_dataloader = test_dataloader
test_evaluator = dict(type="Accuracy", topk=(1,))
val_evaluator = test_evaluator

max_epochs = 50
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=1e-4))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(interval=5))
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=int(0.8 * max_epochs))]

active_learning = dict(
    rounds=5,
    initial=100,
    budget=100,
    # Recommended for classifiers: docs/queries.md. The paper's is dict(type="mmal.LearnedLoss").
    query=dict(type="mmal.Herding", weight="margin"),
)
randomness = dict(seed=0)
