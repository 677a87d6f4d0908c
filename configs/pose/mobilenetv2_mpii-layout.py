# Heatmaps on MobileNetV2 for any data set in MPII layout (images/, annotations/*.json), small
# enough for two CPU cores. A child config names the files: see mobilenetv2_lspet.py. The model is
# MMPose's; input size, narrow head and schedule are ours. With a GPU, resnet50_mpii.py is the better
# base.
_base_ = (
    "mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_mobilenetv2_8xb64-210e_mpii-256x256.py"
)
custom_imports = dict(imports=["mmal"])

data_root = "data/mpii/"
train_file = "annotations/mpii_train.json"
test_file = "annotations/mpii_val.json"
headbox_file = "annotations/mpii_gt_val.mat"

codec = dict(type="MSRAHeatmap", input_size=(128, 128), heatmap_size=(32, 32), sigma=1.5)
target = _base_.model
# ImageNet weights, as in MMPose. The first stages stay as they are: a fifth of
# the time a step, and less to overfit.
target["backbone"]["frozen_stages"] = 4
target["head"].update(
    deconv_out_channels=(64, 64, 64), deconv_kernel_sizes=(4, 4, 4), decoder=codec
)
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[1280]),
    # Lambda of the paper for MPII: section 4.3.
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1e-4),
)

train_pipeline = [
    dict(type="LoadImage"),
    dict(type="GetBBoxCenterScale"),
    dict(type="RandomFlip", direction="horizontal"),
    dict(type="RandomBBoxTransform", shift_prob=0),
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
train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(_delete_=True, ann_file=train_file, pipeline=train_pipeline, **dataset),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=1,
    dataset=dict(
        _delete_=True,
        ann_file=test_file,
        headbox_file=data_root + headbox_file,
        test_mode=True,
        pipeline=test_pipeline,
        **dataset,
    ),
)
val_dataloader = test_dataloader

max_epochs = 20
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    _delete_=True, type="OptimWrapper", optimizer=dict(type="AdamW", lr=2e-3, weight_decay=1e-2)
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(interval=10, save_best=None), logger=dict(interval=10))
# Detached from the start, so that learning loss costs the estimator nothing: docs/results.md,
# "The early loss".
custom_hooks = [
    *_base_.custom_hooks,
    dict(type="mmal.ActiveLearningHook", detach_epoch=0),
]
active_learning = dict(
    rounds=4,
    initial=200,
    budget=200,
    query=dict(type="mmal.LearnedLoss"),
    metric="PCK",  # PCKh@0.5, all joints
)
randomness = dict(seed=0)
