# Your own keypoints: docs/examples.md. Heatmaps on ResNet-50 stand for any top-down config of
# MMPose; what is of your data stands on top.
_base_ = "mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py"
custom_imports = dict(imports=["mmal"])

data_root = "data/my_keypoints/"
# The folder of this config, so that the file is found from wherever the training is started.
metainfo = dict(from_file="{{ fileDirname }}/metainfo/my_keypoints.py")
num_joints = 7  # as many as the file has

target = _base_.model
target["head"]["out_channels"] = num_joints
model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=target,
    loss_predictor=dict(type="mmal.LossPredictionNeck"),
    # Losses of heatmaps are small: the paper's weight for poses.
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", loss_weight=1e-4),
)

# Pairs of people (or animals) are ranked within a batch: two at the least, and more are better.
batch_size = 16
own = dict(data_root=data_root, metainfo=metainfo, data_prefix=dict(img="images/"))
train_dataloader = dict(
    batch_size=batch_size, dataset=dict(ann_file="annotations/train.json", **own)
)
val_dataloader = dict(
    batch_size=batch_size,
    # The base evaluates on what a detector found on COCO; you, on the boxes of your own file.
    dataset=dict(ann_file="annotations/val.json", bbox_file=None, **own),
)
# The base's test data are its validation data, but a change of the one is no change of the other.
test_dataloader = val_dataloader
# Average precision by the sigmas of the metainfo, and the share of joints within a fifth of the
# box's size of where they are.
val_evaluator = [
    dict(type="CocoMetric", ann_file=data_root + "annotations/val.json"),
    dict(type="PCKAccuracy", thr=0.2),
]
test_evaluator = val_evaluator

max_epochs = 60  # for hundreds of animals; the base's 210 are for COCO's 150,000 people
train_cfg = dict(max_epochs=max_epochs, val_interval=10)
param_scheduler = [
    # A warm-up that is not longer than the training: a hundred at 16 a batch make 7 steps an epoch.
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=50),
    dict(type="MultiStepLR", begin=0, end=max_epochs, milestones=[45, 55], gamma=0.1),
]
# For a plain training by tools/train.py; rounds keep the last checkpoint, not the best.
default_hooks = dict(checkpoint=dict(interval=10, save_best="PCK", rule="greater"))
# Detached from the start: of poses, learning loss costs the estimator nothing then
# (docs/results.md).
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=0)]

# Rounds of a study, in which tools/run_rounds.py hides the labels; tools/loop.py asks for budgets.
active_learning = dict(
    rounds=5,
    initial=100,
    budget=100,
    query=dict(type="mmal.Herding"),  # recommended for poses: docs/queries.md
    metric="coco/AP",  # which of the evaluators' figures the curve shows
)
randomness = dict(seed=0)
