# The image classification experiment of the paper (Yoo & Kweon, CVPR 2019, section 4.1): ResNet-18
# on CIFAR-10, 50,000 images for training and 10,000 for testing.
_base_ = "mmpretrain::resnet/resnet18_8xb16_cifar10.py"
custom_imports = dict(imports=["mmal"])

model = dict(
    _delete_=True,
    type="mmal.LearningLoss",
    target=_base_.model,
    # The outputs of the four stages, 128 units each: section 4.1 and figure 2. The classifier's own
    # input stays the last of them.
    feat_modules=["backbone.layer1", "backbone.layer2", "backbone.layer3", "backbone.layer4"],
    loss_predictor=dict(
        type="mmal.LossPredictionNeck", in_channels=[64, 128, 256, 512], channels=128
    ),
    # Margin xi = 1 and lambda = 1: section 4.1.
    ranking_loss=dict(type="mmal.PairwiseRankingLoss", margin=1.0, loss_weight=1.0),
)

# MMPretrain's CIFAR10 downloads the data to data/cifar10 where it is missing. Crops of 32 x 32 from
# images padded to 36 x 36, flipped at random: section 4.1. (MMPretrain's recipe pads to 40 x 40.)
train_pipeline = [
    dict(type="RandomCrop", crop_size=32, padding=2),
    dict(type="RandomFlip", prob=0.5, direction="horizontal"),
    dict(type="PackInputs"),
]
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(batch_size=128)
val_dataloader = test_dataloader

# 200 epochs at 0.1, 0.01 from epoch 160 on; momentum 0.9, weight decay 5e-4: section 4.1.
max_epochs = 200
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=0.1, momentum=0.9, weight_decay=5e-4))
param_scheduler = dict(milestones=[160])
default_hooks = dict(checkpoint=dict(interval=20))
# From epoch 120 on the module's gradient no longer reaches the model, as in the re-implementations.
custom_hooks = [dict(type="mmal.ActiveLearningHook", detach_epoch=120)]

# 1,000 labels at first and a round, ten rounds, picked from a random 10,000 of the unlabelled
# images: section 4.1. The paper's curves are means of 5 trials (seeds).
active_learning = dict(
    rounds=10,
    initial=1000,
    budget=1000,
    subset=10000,
    query=dict(type="mmal.LearnedLoss"),
)
randomness = dict(seed=0)

# The learning rate is for 128 images a step: with N GPUs set train_dataloader.batch_size=128/N.
auto_scale_lr = dict(base_batch_size=128)
