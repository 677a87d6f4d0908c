# RTMPose-s on MPII: rounds as in the paper's protocol; MMPose's RTMPose-m for MPII with the width,
# depth and weights of its RTMPose-s (for 1,024 poses a step; auto_scale_lr is on).
_base_ = [
    "mmpose::body_2d_keypoint/rtmpose/mpii/rtmpose-m_8xb64-210e_mpii-256x256.py",
    "../_base_/mpii_rounds.py",
]

small = "rtmposev1/cspnext-s_udp-aic-coco_210e-256x192-92f5a029_20230130.pth"
target = _base_.model
target["backbone"].update(deepen_factor=0.33, widen_factor=0.5)
target["backbone"]["init_cfg"]["checkpoint"] = (
    "https://download.openmmlab.com/mmpose/v1/projects/" + small
)
target["head"]["in_channels"] = 512
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[512]),
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1e-4),
)
train_cfg = dict(val_interval=210)
auto_scale_lr = dict(enable=True)
default_hooks = dict(checkpoint=dict(save_best=None))
# Detached from the start, so that learning loss costs the estimator nothing: docs/results.md,
# "The early loss".
custom_hooks = [*_base_.custom_hooks, dict(type="mmal.ActiveLearningHook", detach_epoch=0)]
