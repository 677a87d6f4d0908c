# The paper's rounds on PASCAL VOC 07+12 (Yoo & Kweon, CVPR 2019, section 4.2): 1,000 initial images,
# 1,000 a round, ten rounds, the whole pool scored.
custom_imports = dict(imports=["mmal"])
active_learning = dict(
    rounds=10,
    initial=1000,
    budget=1000,
    query=dict(type="mmal.LearnedLoss"),
)
# The paper reports the mean of three trials: --seed 0, 1 and 2.
randomness = dict(seed=0)
