# SSDLite-MobileNetV2 on any folder in VOC layout (JPEGImages, Annotations, ImageSets/Main). A
# child config names the folder and the classes: see ssdlite_mobilenetv2_bccd.py, eleven lines.
# The model is MMDetection's; input size and schedule are ours, chosen so that a few hundred images
# train on two CPU cores (0.03 s an image and step). With a GPU, ssd300_voc0712.py is the better base.
_base_ = "mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py"
custom_imports = dict(imports=["mmal"])

data_root = "data/voc_folder/"
input_size = 160

target = _base_.model
# ImageNet weights instead of MMDetection's training from scratch, which takes 600 epochs of COCO.
# The first stages stay as they are: a fifth of the time a step, and less to overfit.
target["backbone"]["frozen_stages"] = 4
target["backbone"]["init_cfg"] = dict(
    type="Pretrained", checkpoint="open-mmlab://mmdet/mobilenet_v2"
)
target["bbox_head"]["num_classes"] = 20
# MMDetection's anchors are for 320 pixels: the same shares of the image, at 160.
target["bbox_head"]["anchor_generator"].update(
    strides=[16, 32, 53, 80, 160, 160],
    min_sizes=[24, 50, 75, 101, 126, 152],
    max_sizes=[50, 75, 101, 126, 152, 160],
)
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[96, 1280, 512, 256, 256, 128]),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1.0),
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Expand", mean=[123.675, 116.28, 103.53], to_rgb=True, ratio_range=(1, 2)),
    dict(type="MinIoURandomCrop", min_ious=(0.1, 0.3, 0.5, 0.7, 0.9), min_crop_size=0.3),
    dict(type="Resize", scale=(input_size, input_size), keep_ratio=False),
    # A box without size, such as BCCD has one, makes the box loss infinite.
    dict(type="FilterAnnotations", min_gt_bbox_wh=(1, 1), keep_empty=False),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=(input_size, input_size), keep_ratio=False),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(
        type="PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor"),
    ),
]
dataset = dict(type="VOCDataset", data_root=data_root, data_prefix=dict(sub_data_root=""))
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    drop_last=True,  # SSDLite's last maps have one pixel: batch norm cannot train on one image
    dataset=dict(
        _delete_=True,
        ann_file="ImageSets/Main/trainval.txt",
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
        **dataset,
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=1,
    dataset=dict(
        _delete_=True,
        ann_file="ImageSets/Main/test.txt",
        test_mode=True,
        pipeline=test_pipeline,
        **dataset,
    ),
)
val_dataloader = test_dataloader
# PASCAL VOC 2007's own measure.
test_evaluator = dict(_delete_=True, type="VOCMetric", metric="mAP", eval_mode="11points")
val_evaluator = test_evaluator

max_epochs = 30
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    _delete_=True,
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-3, weight_decay=1e-4),
)
param_scheduler = [
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True)
]
default_hooks = dict(checkpoint=dict(interval=10), logger=dict(interval=10))
custom_hooks = [
    dict(type="NumClassCheckHook"),
    # The paper's share: the last fifth of the epochs trains the loss prediction module alone.
    dict(type="mmal.ActiveLearningHook", detach_epoch=24),
]
active_learning = dict(
    rounds=4,
    initial=100,
    budget=50,
    query=dict(type="mmal.LearnedLoss"),
)
randomness = dict(seed=0)
