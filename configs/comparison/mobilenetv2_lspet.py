# Queries compared on Leeds Sports Pose Extended in MPII layout: docs/results.md.
_base_ = "../pose/mobilenetv2_lspet.py"

# Batch norm of frozen stages is folded into their convolutions, and those are quicker with channels
# last (below): together a third less time a step.
efficient_conv_bn_eval = ["backbone"]
train_dataloader = dict(batch_size=16)

max_epochs = 12
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=20),
    dict(type="CosineAnnealingLR", begin=0, end=max_epochs, T_max=max_epochs, by_epoch=True),
]
default_hooks = dict(checkpoint=dict(interval=max_epochs))
custom_hooks = [*_base_.custom_hooks, dict(type="mmal.ChannelsLastHook")]
active_learning = dict(rounds=5, initial=100, budget=100)
