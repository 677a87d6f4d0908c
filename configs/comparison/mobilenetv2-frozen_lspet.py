# Queries compared in minutes on Leeds Sports Pose Extended in MPII layout: the features of a frozen
# MobileNetV2 are computed once, and head and loss prediction module train on them.
# docs/cached_features.md, docs/results.md.
_base_ = "./mobilenetv2_lspet.py"

# As fine as the finest features, which saves the head's transposed convolutions.
codec = dict(type="MSRAHeatmap", input_size=(128, 128), heatmap_size=(16, 16), sigma=1.0)
model = dict(
    # It also reads how uncertain the model's own predictions are; its features are scaled and thinned
    # out, so that it does not learn the losses of the training samples by heart: docs/results.md.
    loss_predictor=dict(in_channels=[448], reads_predictions=True, unit_levels=True, dropout=0.5),
    target=dict(
        backbone=dict(
            # A last stage that never learns says too little of where a joint is: finer ones, too.
            out_indices=(2, 4, 6),
            init_cfg=dict(
                type="Pretrained",
                checkpoint="data/weights/mobilenet_v2_imagenet_mmpose_mmpretrain_keys.pth",
            ),
        ),
        neck=dict(type="FeatureMapProcessor", concat=True),
        head=dict(
            in_channels=448,
            deconv_out_channels=None,
            deconv_kernel_sizes=None,
            conv_out_channels=(96, 96),
            conv_kernel_sizes=(1, 3),
            decoder=codec,
        ),
        test_cfg=dict(flip_test=False),  # the mirrored image has other features
    ),
)
train_pipeline = _base_.train_pipeline
train_pipeline[5]["encoder"] = codec
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=0)]
active_learning = dict(cached_features=dict(views=4))
