# The demo: rounds on generated scenes of handwritten digits (tools/misc/make_toy_voc.py), small
# enough for two CPU cores. ATSS as in MMDetection, with a ResNet-18 of a quarter of the width.
_base_ = "mmdet::atss/atss_r50_fpn_1x_coco.py"
custom_imports = dict(imports=["mmal"])

data_root = "data/toy_voc/"
classes = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
channels = 64

target = _base_.model
target["data_preprocessor"]["pad_size_divisor"] = 1
target["backbone"] = dict(
    type="ResNet",
    depth=18,
    base_channels=16,
    norm_cfg=dict(type="BN"),
    norm_eval=False,  # trained from scratch
)
target["neck"] = dict(
    type="FPN",
    in_channels=[16, 32, 64, 128],
    out_channels=channels,
    start_level=1,
    num_outs=3,
)
target["bbox_head"].update(
    num_classes=len(classes), in_channels=channels, feat_channels=channels, stacked_convs=2
)
# Digits are 20-70 pixels high: anchors of 32, 64 and 128.
target["bbox_head"]["anchor_generator"].update(octave_base_scale=4, strides=[8, 16, 32])
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[channels] * 3),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1.0),
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Expand", mean=[123.675, 116.28, 103.53], to_rgb=True, ratio_range=(1, 1.5)),
    dict(type="MinIoURandomCrop", min_ious=(0.5, 0.7, 0.9), min_crop_size=0.5),
    dict(type="Resize", scale=(160, 160), keep_ratio=False),
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
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    batch_sampler=None,
    dataset=dict(
        _delete_=True,
        ann_file="ImageSets/Main/train.txt",
        pipeline=train_pipeline,
        **dataset,
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=2,
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

max_epochs = 60
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    _delete_=True, type="OptimWrapper", optimizer=dict(type="AdamW", lr=2e-3, weight_decay=0.05)
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(interval=10), logger=dict(interval=10))
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=48)]

active_learning = dict(
    rounds=5,
    initial=60,
    budget=40,
    query=dict(type="mmal.LearnedLoss"),
)
randomness = dict(seed=0)
