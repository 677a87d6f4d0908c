# Heatmaps on HRNet-w32 on MPII: rounds as in the paper's protocol, model and learning rate from
# MMPose (for 512 poses a step; auto_scale_lr is on).
_base_ = [
    "mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_hrnet-w32_8xb64-210e_mpii-256x256.py",
    "../_base_/mpii_rounds.py",
]

model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=_base_.model,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[32]),  # HRNet's finest branch
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1e-4),
)
train_dataloader = dict(batch_size=32)
train_cfg = dict(val_interval=210)
auto_scale_lr = dict(enable=True)
default_hooks = dict(checkpoint=dict(save_best=None))
# Detached from the start, so that learning loss costs the estimator nothing: docs/results.md,
# "The early loss".
custom_hooks = [*_base_.custom_hooks, dict(type="mmal.ActiveLearningHook", detach_epoch=0)]
