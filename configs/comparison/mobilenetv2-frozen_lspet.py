# Queries compared in minutes on Leeds Sports Pose Extended in MPII layout: the features of a frozen
# MobileNetV2 are computed once, and head and loss prediction module train on them.
# docs/cached_features.md, docs/results.md.
_base_ = "./mobilenetv2_lspet.py"

codec = _base_.codec
model = dict(
    # It also reads how uncertain the model's own predictions are: docs/results.md.
    loss_predictor=dict(reads_predictions=True),
    target=dict(
        backbone=dict(
            init_cfg=dict(
                type="Pretrained",
                checkpoint="data/weights/mobilenet_v2_imagenet_mmpose_mmpretrain_keys.pth",
            )
        ),
        test_cfg=dict(flip_test=False),  # the mirrored image has other features
    )
)
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=0)]
active_learning = dict(
    rounds=5,
    initial=100,
    budget=100,
    cached_features=dict(views=4),
)
