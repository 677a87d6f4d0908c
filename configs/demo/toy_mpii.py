# The pose demo: rounds on generated figures (tools/misc/make_toy_mpii.py), small enough for two CPU
# cores. MMPose's heatmap head on a ResNet-18 of three eighths of the width, trained from scratch.
_base_ = "mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py"
custom_imports = dict(imports=["mmal"])

data_root = "data/toy_mpii/"
codec = dict(type="MSRAHeatmap", input_size=(96, 96), heatmap_size=(24, 24), sigma=1.5)
target = _base_.model
target["backbone"] = dict(type="ResNet", depth=18, stem_channels=24, base_channels=24)
target["head"].update(
    in_channels=192,
    deconv_out_channels=(64, 64, 64),
    deconv_kernel_sizes=(4, 4, 4),
    decoder=codec,
)
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[192]),
    # Lambda of the paper for MPII: section 4.3.
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1e-4),
)

train_pipeline = [
    dict(type="LoadImage"),
    dict(type="GetBBoxCenterScale"),
    dict(type="RandomFlip", direction="horizontal"),
    dict(type="RandomBBoxTransform", shift_factor=0.1, rotate_factor=40),
    dict(type="TopdownAffine", input_size=codec["input_size"]),
    dict(type="GenerateTarget", encoder=codec),
    dict(type="PackPoseInputs"),
]
test_pipeline = [
    dict(type="LoadImage"),
    dict(type="GetBBoxCenterScale"),
    dict(type="TopdownAffine", input_size=codec["input_size"]),
    dict(type="PackPoseInputs"),
]
dataset = dict(
    type="MpiiDataset", data_root=data_root, data_mode="topdown", data_prefix=dict(img="images/")
)
# No workers: on two cores they would only take time from the training itself.
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type="RepeatDataset",
        times=5,
        dataset=dict(ann_file="annotations/mpii_train.json", pipeline=train_pipeline, **dataset),
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        ann_file="annotations/mpii_val.json",
        headbox_file=data_root + "annotations/mpii_gt_val.mat",
        test_mode=True,
        pipeline=test_pipeline,
        **dataset,
    ),
)
val_dataloader = test_dataloader

max_epochs = 10  # of five passes each
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    _delete_=True, type="OptimWrapper", optimizer=dict(type="AdamW", lr=2e-3, weight_decay=0.05)
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(interval=2, save_best=None), logger=dict(interval=10))
# Detached from the start: docs/results.md, "The early loss".
custom_hooks = [*_base_.custom_hooks, dict(type="mmal.ActiveLearningHook", detach_epoch=0)]

active_learning = dict(
    rounds=3,
    initial=100,
    budget=50,
    query=dict(type="mmal.LearnedLoss"),
    metric="PCK",  # PCKh@0.5, all joints
)
randomness = dict(seed=0)
