"""The model families that mmal supports, each with a config of the OpenMMLab package it is from.

The contract test runs over this list, and tools/dev/supported_models.py writes README's table from
it. A family added later needs one line here.
"""

from dataclasses import dataclass, field
from typing import Any

FPN = [256] * 5
FEW_LAYERS = {"encoder.num_layers": 2, "decoder.num_layers": 2}
NARROW_FCS = {"roi_head.bbox_head.fc_out_channels": 64}
#: One per stage of a cascade.
NARROW_CASCADE = {f"roi_head.bbox_head.{i}.fc_out_channels": 64 for i in range(3)}
NARROW_SOLO = {
    "mask_head.feat_channels": 64,
    "mask_head.mask_feature_head.feat_channels": 32,
    "mask_head.mask_feature_head.out_channels": 32,
    "mask_head.num_grids": [10, 8, 6, 4, 2],
}
SMALL_SPARSE = {
    "rpn_head.num_proposals": 20,
    **{f"roi_head.bbox_head.{i}.feedforward_channels": 64 for i in range(6)},
    **{f"roi_head.bbox_head.{i}.dynamic_conv_cfg.feat_channels": 8 for i in range(6)},
}
SMALL_HOURGLASS = {
    "backbone.downsample_times": 3,
    "backbone.stage_channels": (256, 16, 16, 16),  # the first is that of the stem
    "backbone.stage_blocks": (1, 1, 1, 1),
    "backbone.feat_channel": 32,
    "head.in_channels": 32,
    "head.decoder.input_size": (128, 128),
    "head.decoder.heatmap_size": (32, 32),
}
SMALL_CORNERS = {
    "backbone.downsample_times": 2,
    "backbone.stage_channels": [256, 16, 16],
    "backbone.stage_blocks": [1, 1, 1],
}
SMALL_MASK_TRANSFORMER = {
    "panoptic_head.num_queries": 10,
    "panoptic_head.pixel_decoder.encoder.num_layers": 1,
    "panoptic_head.transformer_decoder.num_layers": 2,
}
DENSE, TWO_STAGE, QUERY, INSTANCE, TOPDOWN, BOTTOMUP, CLASSIFICATION = (
    "Single-stage detection",
    "Two-stage detection",
    "Query-based detection",
    "Instance segmentation",
    "Top-down pose",
    "Bottom-up pose",
    "Image classification",
)
#: Beside those of two stages, which draw RoIs: what draws, too, or knows the batches before.
_DEFINED = {"CID", "DINO", "GHM", "Guided anchoring", "Mask2Former", "PISA RetinaNet"}
_PACKAGES = {TOPDOWN: "mmpose", BOTTOMUP: "mmpose", CLASSIFICATION: "mmpretrain"}


@dataclass(frozen=True)
class Family:
    """A family of target models.

    Attributes:
        name: The family's name in README's table.
        group: The table's row.
        config: One of the package's config files.
        in_channels: Channels of the features that feed the loss prediction module.
        size: Height and width of the test's images; pose estimators take those of their config.
        feat_modules: Submodules that the features are from, if not from ``extract_feat``.
        options: What is changed in the config's model, to make it small; a ResNet-50 is
            made shallow in any case.
        drawn: How far losses may differ from those of batches of one, relatively; where they do,
            the loss draws what no replay can keep.
        semantic: Whether annotations tell the classes of all pixels, too.
        predicts: Whether the plain model predicts anything with random weights.
        large: Whether its tests take so long that they are marked as slow.
    """

    name: str
    group: str
    config: str
    in_channels: list[int]
    size: int = 128
    feat_modules: tuple[str, ...] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    drawn: float = 0
    semantic: bool = False
    predicts: bool = True
    large: bool = False

    @property
    def has_masks(self) -> bool:
        """Whether its annotations hold masks."""
        return self.group == INSTANCE or self.semantic or "Mask" in self.name

    @property
    def defined(self) -> bool:
        """Whether the loss of one sample alone is what docs/how_it_works.md defines it to be."""
        return self.group == TWO_STAGE or self.name in _DEFINED

    @property
    def package(self) -> str:
        """The package that the config is from."""
        return _PACKAGES.get(self.group, "mmdet")


FAMILIES = [
    Family(
        "SSD",
        DENSE,
        "ssd/ssd300_coco.py",
        [512, 1024, 512, 256, 256, 256],
        260,
        options={"backbone.depth": 11, "backbone.out_feature_indices": (14, 24)},
    ),
    Family(
        "SSDLite",
        DENSE,
        "ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py",
        [96, 1280, 512, 256, 256, 128],
    ),
    Family("RetinaNet", DENSE, "retinanet/retinanet_r18_fpn_1x_coco.py", FPN),
    Family("FCOS", DENSE, "fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py", FPN),
    Family("ATSS", DENSE, "atss/atss_r50_fpn_1x_coco.py", FPN),
    Family("GFL", DENSE, "gfl/gfl_r50_fpn_1x_coco.py", FPN),
    Family("PAA", DENSE, "paa/paa_r50_fpn_1x_coco.py", FPN),
    Family("YOLOv3", DENSE, "yolo/yolov3_d53_8xb8-ms-416-273e_coco.py", [512, 256, 128]),
    Family("YOLOF", DENSE, "yolof/yolof_r50-c5_8xb8-1x_coco.py", [512]),
    Family("YOLOX", DENSE, "yolox/yolox_tiny_8xb8-300e_coco.py", [96] * 3),
    Family("RTMDet", DENSE, "rtmdet/rtmdet_tiny_8xb32-300e_coco.py", [96] * 3),
    Family("CenterNet", DENSE, "centernet/centernet_r18_8xb16-crop512-140e_coco.py", [64]),
    Family("VFNet", DENSE, "vfnet/vfnet_r50_fpn_1x_coco.py", FPN),
    Family("TOOD", DENSE, "tood/tood_r50_fpn_1x_coco.py", FPN),
    Family("FSAF", DENSE, "fsaf/fsaf_r50_fpn_1x_coco.py", FPN),
    Family("RepPoints", DENSE, "reppoints/reppoints-moment_r50_fpn_1x_coco.py", FPN),
    Family("AutoAssign", DENSE, "autoassign/autoassign_r50-caffe_fpn_1x_coco.py", FPN),
    Family(
        "CenterNet (update)",
        DENSE,
        "centernet/centernet-update_r50-caffe_fpn_ms-1x_coco.py",
        FPN,
    ),
    Family("FoveaBox", DENSE, "foveabox/fovea_r50_fpn_4xb4-1x_coco.py", FPN),
    Family("FreeAnchor", DENSE, "free_anchor/freeanchor_r50_fpn_1x_coco.py", FPN),
    Family(
        "Guided anchoring",
        DENSE,
        "guided_anchoring/ga-retinanet_r50-caffe_fpn_1x_coco.py",
        FPN,
        predicts=False,
    ),
    Family(
        "NAS-FCOS",
        DENSE,
        "nas_fcos/nas-fcos_r50-caffe_fpn_nashead-gn-head_4xb4-1x_coco.py",
        FPN,
        options={"backbone.norm_cfg.eps": 1e-5},  # its 0 is refused by torch
    ),
    Family("NAS-FPN", DENSE, "nas_fpn/retinanet_r50_fpn_crop640-50e_coco.py", FPN),
    Family("SABL RetinaNet", DENSE, "sabl/sabl-retinanet_r50_fpn_1x_coco.py", FPN),
    Family("PISA RetinaNet", DENSE, "pisa/retinanet-r50_fpn_pisa_1x_coco.py", FPN),
    Family(
        "GHM",
        DENSE,
        "ghm/retinanet_r50_fpn_ghm-1x_coco.py",
        FPN,
    ),
    Family(
        "CornerNet",
        DENSE,
        "cornernet/cornernet_hourglass104_8xb6-210e-mstest_coco.py",
        [256] * 2,
        options=SMALL_CORNERS,
        large=True,
    ),
    Family(
        "CentripetalNet",
        DENSE,
        "centripetalnet/centripetalnet_hourglass104_16xb6-crop511-210e-mstest_coco.py",
        [256] * 2,
        options=SMALL_CORNERS,
        large=True,
    ),
    Family(
        "Faster R-CNN",
        TWO_STAGE,
        "faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py",
        FPN,
        options=NARROW_FCS,
    ),
    Family(
        "Fast R-CNN",
        TWO_STAGE,
        "fast_rcnn/fast-rcnn_r50_fpn_1x_coco.py",
        FPN,
        options=NARROW_FCS,
    ),
    Family(
        "Cascade R-CNN",
        TWO_STAGE,
        "cascade_rcnn/cascade-rcnn_r50_fpn_1x_coco.py",
        FPN,
        options=NARROW_CASCADE,
    ),
    Family(
        "Mask R-CNN", TWO_STAGE, "mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py", FPN, options=NARROW_FCS
    ),
    Family(
        "Cascade Mask R-CNN",
        TWO_STAGE,
        "cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py",
        FPN,
        options=NARROW_CASCADE,
    ),
    Family(
        "Double-Head R-CNN",
        TWO_STAGE,
        "double_heads/dh-faster-rcnn_r50_fpn_1x_coco.py",
        FPN,
        options={**NARROW_FCS, "roi_head.bbox_head.conv_out_channels": 64},
    ),
    Family(
        "OHEM",
        TWO_STAGE,
        "faster_rcnn/faster-rcnn_r50_fpn_ohem_1x_coco.py",
        FPN,
        options=NARROW_FCS,
    ),
    Family(
        "Dynamic R-CNN",
        TWO_STAGE,
        "dynamic_rcnn/dynamic-rcnn_r50_fpn_1x_coco.py",
        FPN,
        options=NARROW_FCS,
    ),
    Family(
        "CrowdDet",
        TWO_STAGE,
        "crowddet/crowddet-rcnn_r50_fpn_8xb2-30e_crowdhuman.py",
        FPN,
        large=True,
    ),
    Family(
        "Grid R-CNN",
        TWO_STAGE,
        "grid_rcnn/grid-rcnn_r50_fpn_gn-head_1x_coco.py",
        FPN,
        options=NARROW_FCS,
        drawn=0.05,
    ),
    Family(
        "Libra R-CNN",
        TWO_STAGE,
        "libra_rcnn/libra-faster-rcnn_r50_fpn_1x_coco.py",
        FPN,
        options=NARROW_FCS,
        drawn=0.05,
        large=True,
    ),
    Family(
        "Seesaw loss (Mask R-CNN)",
        TWO_STAGE,
        "seesaw_loss/mask-rcnn_r50_fpn_seesaw-loss_random-ms-2x_lvis-v1.py",
        FPN,
        options=NARROW_FCS,
        large=True,
    ),
    Family(
        "Mask Scoring R-CNN",
        TWO_STAGE,
        "ms_rcnn/ms-rcnn_r50_fpn_1x_coco.py",
        FPN,
        options=NARROW_FCS,
    ),
    Family(
        "PISA Mask R-CNN",
        TWO_STAGE,
        "pisa/mask-rcnn_r50_fpn_pisa_1x_coco.py",
        FPN,
        options=NARROW_FCS,
        large=True,
    ),
    Family(
        "HTC", TWO_STAGE, "htc/htc_r50_fpn_1x_coco.py", FPN, options=NARROW_CASCADE, semantic=True
    ),
    Family("SCNet", TWO_STAGE, "scnet/scnet_r50_fpn_1x_coco.py", FPN, semantic=True, large=True),
    Family(
        "Panoptic FPN",
        TWO_STAGE,
        "panoptic_fpn/panoptic-fpn_r50_fpn_1x_coco.py",
        FPN,
        options=NARROW_FCS,
        semantic=True,
    ),
    Family("DETR", QUERY, "detr/detr_r50_8xb2-150e_coco.py", [256], options=FEW_LAYERS),
    Family(
        "Conditional DETR",
        QUERY,
        "conditional_detr/conditional-detr_r50_8xb2-50e_coco.py",
        [256],
        options=FEW_LAYERS,
    ),
    Family("DAB-DETR", QUERY, "dab_detr/dab-detr_r50_8xb2-50e_coco.py", [256], options=FEW_LAYERS),
    Family(
        "Deformable DETR",
        QUERY,
        "deformable_detr/deformable-detr_r50_16xb2-50e_coco.py",
        [256] * 4,
        options=FEW_LAYERS,
    ),
    Family(
        "DINO",
        QUERY,
        "dino/dino-4scale_r50_8xb2-12e_coco.py",
        [256] * 4,
        options={**FEW_LAYERS, "num_queries": 100},
    ),
    Family(
        "Sparse R-CNN",
        QUERY,
        "sparse_rcnn/sparse-rcnn_r50_fpn_1x_coco.py",
        [256] * 4,
        options=SMALL_SPARSE,
    ),
    Family(
        "QueryInst",
        INSTANCE,
        "queryinst/queryinst_r50_fpn_1x_coco.py",
        [256] * 4,
        options=SMALL_SPARSE,
        predicts=False,
        drawn=1e-3,  # of images without objects it is 10^7
    ),
    Family(
        "MaskFormer",
        INSTANCE,
        "maskformer/maskformer_r50_ms-16xb1-75e_coco.py",
        [64, 128, 256, 512],
        options=SMALL_MASK_TRANSFORMER,
    ),
    Family(
        "Mask2Former",
        INSTANCE,
        "mask2former/mask2former_r50_8xb2-lsj-50e_coco.py",
        [64, 128, 256, 512],
        options=SMALL_MASK_TRANSFORMER,
        drawn=0.05,
    ),
    Family("SOLO", INSTANCE, "solo/solo_r50_fpn_1x_coco.py", FPN),
    Family("Decoupled SOLO", INSTANCE, "solo/decoupled-solo_r50_fpn_1x_coco.py", FPN),
    Family(
        "Decoupled SOLO (light)",
        INSTANCE,
        "solo/decoupled-solo-light_r50_fpn_3x_coco.py",
        FPN,
        large=True,
    ),
    Family("BoxInst", INSTANCE, "boxinst/boxinst_r50_fpn_ms-90k_coco.py", FPN),
    Family("YOLACT", INSTANCE, "yolact/yolact_r50_1xb8-55e_coco.py", FPN),
    Family("SOLOv2", INSTANCE, "solov2/solov2_r50_fpn_1x_coco.py", FPN, options=NARROW_SOLO),
    Family("CondInst", INSTANCE, "condinst/condinst_r50_fpn_ms-poly-90k_coco_instance.py", FPN),
    Family("RTMDet-Ins", INSTANCE, "rtmdet/rtmdet-ins_tiny_8xb32-300e_coco.py", [96] * 3),
    Family(
        "Stacked hourglass",
        TOPDOWN,
        "body_2d_keypoint/topdown_heatmap/mpii/td-hm_hourglass52_8xb64-210e_mpii-256x256.py",
        [32],
        options=SMALL_HOURGLASS,
    ),
    Family(
        "SimpleBaseline (heatmaps on ResNet, HRNet, MobileNetV2, …)",
        TOPDOWN,
        "body_2d_keypoint/topdown_heatmap/mpii/td-hm_mobilenetv2_8xb64-210e_mpii-256x256.py",
        [1280],
    ),
    Family(
        "MSPN",
        TOPDOWN,
        "body_2d_keypoint/topdown_heatmap/coco/td-hm_mspn50_8xb32-210e_coco-256x192.py",
        [256] * 4,
    ),
    Family(
        "ViPNAS",
        TOPDOWN,
        "body_2d_keypoint/topdown_heatmap/coco/td-hm_vipnas-mbv3_8xb64-210e_coco-256x192.py",
        [160],
    ),
    Family(
        "SimCC",
        TOPDOWN,
        "body_2d_keypoint/simcc/coco/simcc_mobilenetv2_wo-deconv-8xb64-210e_coco-256x192.py",
        [1280],
    ),
    Family(
        "RTMPose",
        TOPDOWN,
        "body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py",
        [384],
    ),
    Family(
        "DeepPose (regression)",
        TOPDOWN,
        "body_2d_keypoint/topdown_regression/coco/td-reg_res50_8xb64-210e_coco-256x192.py",
        [512],
    ),
    Family(
        "Residual log-likelihood (RLE)",
        TOPDOWN,
        "body_2d_keypoint/topdown_regression/coco/td-reg_res50_rle-8xb64-210e_coco-256x192.py",
        [512],
    ),
    Family(
        "Integral regression",
        TOPDOWN,
        "body_2d_keypoint/integral_regression/coco/ipr_res50_8xb64-210e_coco-256x256.py",
        [512],
    ),
    Family(
        "DSNT",
        TOPDOWN,
        "body_2d_keypoint/integral_regression/coco/ipr_res50_dsnt-8xb64-210e_coco-256x256.py",
        [512],
    ),
    Family(
        "Visibility prediction",
        TOPDOWN,
        "body_2d_keypoint/topdown_heatmap/coco/"
        "td-hm-vis_res50_8xb64-210e_coco-aic-256x192-merge.py",
        [512],
    ),
    Family(
        "RTMW",
        TOPDOWN,
        "wholebody_2d_keypoint/rtmpose/cocktail14/rtmw-l_8xb1024-270e_cocktail14-256x192.py",
        [512, 1024],
        large=True,
    ),
    Family(
        "DEKR",
        BOTTOMUP,
        "body_2d_keypoint/dekr/coco/dekr_hrnet-w32_8xb10-140e_coco-512x512.py",
        [480],
        options={"head.rescore_cfg": None},  # a network of its own, to be downloaded
        predicts=False,
    ),
    Family(
        "CID",
        BOTTOMUP,
        "body_2d_keypoint/cid/coco/cid_hrnet-w32_8xb20-140e_coco-512x512.py",
        [480],
        predicts=False,
    ),
    Family(
        "YOLOX-Pose",
        BOTTOMUP,
        "body_2d_keypoint/yoloxpose/coco/yoloxpose_tiny_4xb64-300e_coco-416.py",
        [96] * 3,
    ),
    Family(
        "Associative embedding",
        BOTTOMUP,
        "body_2d_keypoint/associative_embedding/coco/ae_hrnet-w32_8xb24-300e_coco-512x512.py",
        [32],
    ),
    Family(
        "ResNet",
        CLASSIFICATION,
        "resnet/resnet18_8xb16_cifar10.py",
        [64, 128, 256, 512],
        32,
        ("backbone.layer1", "backbone.layer2", "backbone.layer3", "backbone.layer4"),
    ),
    Family("MobileNetV2", CLASSIFICATION, "mobilenet_v2/mobilenet-v2_8xb32_in1k.py", [1280], 64),
    Family(
        "MobileNetV3",
        CLASSIFICATION,
        "mobilenet_v3/mobilenet-v3-small-050_8xb128_in1k.py",
        [288],
        64,
    ),
    Family(
        "EfficientNet", CLASSIFICATION, "efficientnet/efficientnet-b0_8xb32_in1k.py", [1280], 64
    ),
    Family(
        "ConvNeXt",
        CLASSIFICATION,
        "convnext/convnext-tiny_32xb128_in1k.py",
        [64],
        64,
        options={
            "backbone.arch": dict(_delete_=True, depths=[1, 1, 2, 1], channels=[8, 16, 32, 64]),
            "head.in_channels": 64,
        },
    ),
    Family(
        "Swin",
        CLASSIFICATION,
        "swin_transformer/swin-tiny_16xb64_in1k.py",
        [64],
        64,
        options={
            "backbone.arch": dict(
                _delete_=True, embed_dims=8, depths=[1, 1, 2, 1], num_heads=[1, 2, 4, 8]
            ),
            "backbone.pad_small_map": True,
            "head.in_channels": 64,
        },
    ),
    Family("ViT", CLASSIFICATION, "deit/deit-tiny_4xb256_in1k.py", [192], 64),
]
