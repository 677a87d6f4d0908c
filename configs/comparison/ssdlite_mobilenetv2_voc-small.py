# Queries compared on the 756 photos of PASCAL VOC2012 with ids 2007_*: docs/results.md. Three trials of
# five rounds and five queries take an hour and a quarter on two CPU cores.
_base_ = "../detection/ssdlite_mobilenetv2_voc-folder.py"

data_root = "data/voc_small/"
input_size = _base_.input_size
# Batch norm of frozen stages is folded into their convolutions, and those are quicker with channels
# last (below): together a third less time a step.
efficient_conv_bn_eval = ["backbone"]

# Photos are made small first: augmenting them at full size takes longer than a training step.
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=(240, 240), keep_ratio=False),
    dict(type="MinIoURandomCrop", min_ious=(0.1, 0.3, 0.5, 0.7, 0.9), min_crop_size=0.3),
    dict(type="Resize", scale=(input_size, input_size), keep_ratio=False),
    # A box without size, such as BCCD has one, makes the box loss infinite.
    dict(type="FilterAnnotations", min_gt_bbox_wh=(1, 1), keep_empty=False),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(batch_size=8, dataset=dict(data_root=data_root, pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))

max_epochs = 12
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=3e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(interval=max_epochs))
custom_hooks = [
    dict(type="NumClassCheckHook"),
    dict(type="mmal.ActiveLearningHook", detach_epoch=9),
    dict(type="mmal.ChannelsLastHook"),
]
active_learning = dict(rounds=5, initial=100, budget=60)
