# RetinaNet-R50 on PASCAL VOC 07+12: rounds as in the paper's protocol, model and learning
# rate from MMDetection (for 16 images a step: with N GPUs set train_dataloader.batch_size=16/N).
_base_ = ["mmdet::pascal_voc/retinanet_r50_fpn_1x_voc0712.py", "../_base_/voc0712_rounds.py"]

model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=_base_.model,
    loss_predictor=dict(type="mmal.LossPredictionNeck", in_channels=[256] * 5),  # FPN's outputs
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1.0),
)
# MMDetection repeats all 16,551 images three times an epoch, too little for the 1,000 of a first
# round: ten times make 40 passes in four epochs, 2,500 steps.
train_dataloader = dict(batch_size=16, dataset=dict(times=10))
# The last of MMDetection's four epochs; the paper detaches for the last fifth.
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=3)]
