# What there is to be marked: joints, lines between them and how exactly they can be placed. A copy
# with your own names goes beside your config.
dataset_info = dict(
    dataset_name="cows",
    # In the order of `keypoints` of the category in your files. `swap` names the joint on the other
    # side, for flipped images; `type` is upper or lower, for RandomHalfBody.
    keypoint_info={
        0: dict(name="nose", id=0, color=[51, 153, 255], type="upper", swap=""),
        1: dict(name="left_ear", id=1, color=[0, 255, 0], type="upper", swap="right_ear"),
        2: dict(name="right_ear", id=2, color=[255, 128, 0], type="upper", swap="left_ear"),
        3: dict(name="withers", id=3, color=[51, 153, 255], type="upper", swap=""),
        4: dict(name="left_hip", id=4, color=[0, 255, 0], type="lower", swap="right_hip"),
        5: dict(name="right_hip", id=5, color=[255, 128, 0], type="lower", swap="left_hip"),
        6: dict(name="tail_head", id=6, color=[51, 153, 255], type="lower", swap=""),
    },
    skeleton_info={
        0: dict(link=("nose", "left_ear"), id=0, color=[0, 255, 0]),
        1: dict(link=("nose", "right_ear"), id=1, color=[255, 128, 0]),
        2: dict(link=("nose", "withers"), id=2, color=[51, 153, 255]),
        3: dict(link=("withers", "tail_head"), id=3, color=[51, 153, 255]),
        4: dict(link=("tail_head", "left_hip"), id=4, color=[0, 255, 0]),
        5: dict(link=("tail_head", "right_hip"), id=5, color=[255, 128, 0]),
    },
    joint_weights=[1.0] * 7,  # of each joint in the loss
    # How far annotators are apart, as a share of the animal's size: small for an ear's tip, large
    # for a hip under the skin. Average precision is measured by them; 0.05 is a fair guess.
    sigmas=[0.03, 0.03, 0.03, 0.08, 0.08, 0.08, 0.05],
)
