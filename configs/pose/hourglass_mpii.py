# The pose experiment of the paper (Yoo & Kweon, CVPR 2019, section 4.3): stacked hourglass on MPII.
_base_ = [
    "mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_hourglass52_8xb64-210e_mpii-256x256.py",
    "../_base_/mpii_rounds.py",
]

# The number of stacks is not certain from the paper; MMPose's config has one.
num_stacks = 2
target = _base_.model
target["backbone"]["num_stacks"] = num_stacks
target["head"]["num_stages"] = num_stacks
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    # The feature of each stack: section 3.2.
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[256] * num_stacks),
    # Lambda = 1e-4, since heatmap losses are small: section 4.3.
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1e-4),
    # The paper's target loss is the plain mean over all joints; mmal's default divides by the
    # visible ones.
    sample_losses=dict(type="mmal.TopdownSampleLosses", per_visible_joint=False),
)

# 125 epochs of batches of 6 at 2.5e-4, 2.5e-5 from epoch 100 on: section 4.3. RMSprop is known from
# re-implementations only.
train_dataloader = dict(batch_size=6)
max_epochs = 125
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(_delete_=True, type="RMSprop", lr=2.5e-4))
param_scheduler = [
    dict(type="MultiStepLR", begin=0, end=max_epochs, by_epoch=True, milestones=[100], gamma=0.1)
]
default_hooks = dict(checkpoint=dict(interval=5, save_best=None))
# The detach epoch, too, is known from re-implementations only. 0 costs the estimator nothing:
# docs/results.md.
custom_hooks = [
    *_base_.custom_hooks,
    dict(type="mmal.ActiveLearningHook", detach_epoch=75),
]
# The learning rate is for 6 poses a step.
auto_scale_lr = dict(base_batch_size=6)
