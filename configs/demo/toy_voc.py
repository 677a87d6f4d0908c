# The demo: rounds on generated scenes of handwritten digits (tools/misc/make_toy_voc.py), small
# enough for two CPU cores. MMDetection's SSD300 head, loss and anchors' recipe on a ResNet-18 of
# three eighths of the width, trained from scratch.
_base_ = "mmdet::ssd/ssd300_coco.py"
custom_imports = dict(imports=["mmal"])

data_root = "data/toy_voc/"
classes = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
channels = [48, 96, 192]  # of the backbone's strides 8, 16 and 32

target = _base_.model
target.pop("neck")
target["data_preprocessor"]["std"] = [58.395, 57.12, 57.375]
target["backbone"] = dict(
    type="ResNet",
    depth=18,
    base_channels=24,
    out_indices=(1, 2, 3),
    norm_cfg=dict(type="BN"),
    norm_eval=False,  # trained from scratch
)
target["bbox_head"].update(num_classes=len(classes), in_channels=channels)
# Digits are 20-70 pixels high.
target["bbox_head"]["anchor_generator"] = dict(
    type="SSDAnchorGenerator",
    scale_major=False,
    strides=[8, 16, 32],
    ratios=[[2], [2], [2]],
    min_sizes=[24, 40, 64],
    max_sizes=[40, 64, 90],
)
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=channels),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1.0),
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(
        type="RandomAffine", max_rotate_degree=5, max_shear_degree=3, scaling_ratio_range=(0.7, 1.3)
    ),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(160, 160), keep_ratio=False),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor"),
    ),
]
dataset = dict(
    type="VOCDataset",
    data_root=data_root,
    data_prefix=dict(sub_data_root=""),
    metainfo=dict(classes=classes),
)
# No workers: on two cores they would only take time from the training itself.
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    batch_sampler=None,
    dataset=dict(
        _delete_=True,
        type="RepeatDataset",
        times=5,
        dataset=dict(ann_file="ImageSets/Main/train.txt", pipeline=train_pipeline, **dataset),
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        ann_file="ImageSets/Main/test.txt",
        test_mode=True,
        pipeline=test_pipeline,
        **dataset,
    ),
)
val_dataloader = test_dataloader
test_evaluator = dict(_delete_=True, type="VOCMetric", metric="mAP", eval_mode="area")
val_evaluator = test_evaluator

max_epochs = 10  # of five passes each
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    _delete_=True, type="OptimWrapper", optimizer=dict(type="AdamW", lr=2e-3, weight_decay=0.05)
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(interval=2), logger=dict(interval=10))
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=8)]

active_learning = dict(
    rounds=3,
    initial=60,
    budget=40,
    query=dict(type="mmal.LearnedLoss"),
)
randomness = dict(seed=0)
