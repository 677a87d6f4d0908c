# The detection experiment of the paper (Yoo & Kweon, CVPR 2019, section 4.2): SSD300 with VGG-16
# on PASCAL VOC 07+12, 16,551 images for training and 4,952 for testing.
_base_ = ["mmdet::pascal_voc/ssd300_voc0712.py", "../_base_/voc0712_rounds.py"]

model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=_base_.model,
    # The six maps that feed the SSD head, 128 units each: section 3.2.
    loss_predictor=dict(
        type="mmal.LossPredictionNeck", in_channels=[512, 1024, 512, 256, 256, 256], channels=128
    ),
    # Margin xi = 1 and lambda = 1: section 4.2.
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1.0),
)

# MMDetection repeats the data ten times an epoch; here an epoch is one pass, as in the paper.
concat = _base_.train_dataloader.dataset.dataset
train_dataloader = dict(batch_size=32, dataset=dict(_delete_=True, **concat))

# 300 epochs at 1e-3, 1e-4 from epoch 240 on: section 4.2. Momentum and weight decay are
# MMDetection's, equal to those of SSD's authors.
max_epochs = 300
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
# MMDetection's linear warm-up of 500 iterations stays: without it SSD may diverge.
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type="MultiStepLR", begin=0, end=max_epochs, by_epoch=True, milestones=[240], gamma=0.1),
]
default_hooks = dict(checkpoint=dict(interval=10))
# Not in the paper's text, but in its re-implementations: detached from the learning rate's drop on.
custom_hooks = [*_base_.custom_hooks, dict(type="mmal.ActiveLearningHook", detach_epoch=240)]

# The learning rate is for 32 images a step: with N GPUs set train_dataloader.batch_size=32/N.
auto_scale_lr = dict(base_batch_size=32)
