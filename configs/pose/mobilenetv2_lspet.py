# Heatmaps on MobileNetV2 for Leeds Sports Pose Extended in MPII layout, in data/lspet.
_base_ = "./mobilenetv2_mpii-layout.py"

data_root = "data/lspet/"
train_dataloader = dict(
    dataset=dict(data_root=data_root, ann_file="annotations/lspet_mpii16_trainval.json")
)
test_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file="annotations/lspet_mpii16_test.json",
        headbox_file=data_root + "annotations/headboxes_test.mat",
    )
)
val_dataloader = test_dataloader
