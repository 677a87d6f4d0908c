# Queries compared in minutes on PASCAL VOC 2007: the features of a frozen MobileNetV2 are computed
# once, and extra layers, head and loss prediction module train on them. docs/cached_features.md.
_base_ = "./ssdlite_mobilenetv2_voc-small.py"

data_root = "data/voc07/"
model = dict(
    # It also reads how uncertain the model's own predictions are; its features are scaled and thinned
    # out, so that it does not learn the losses of the training samples by heart: docs/results.md.
    loss_predictor=dict(reads_predictions=True, unit_levels=True, dropout=0.5),
    target=dict(
        backbone=dict(
            init_cfg=dict(
                type="Pretrained", checkpoint="data/weights/mobilenet_v2_imagenet_mmdet_keys.pth"
            )
        )
    ),
)
train_dataloader = dict(batch_size=16, dataset=dict(data_root=data_root))
test_dataloader = dict(batch_size=50, dataset=dict(data_root=data_root))
val_dataloader = test_dataloader
custom_hooks = [
    dict(type="NumClassCheckHook"),
    dict(type="mmal.ActiveLearningHook", detach_epoch=0),
]
active_learning = dict(
    rounds=5,
    initial=200,
    budget=200,
    # Four views of a training image, cropped and mirrored at random once.
    cached_features=dict(views=4),
)
