"""Tests of record and replay."""

from itertools import repeat

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import nn

from mmal.utils.record import recorded, replayed, with_own_containers


class Adder:
    def add(self, a: int, b: int = 0) -> int:
        if a < 0:
            raise ValueError("negative")
        return a + b

    def describe(self, *names: str, **options: int) -> tuple:
        return names, options


class Doubler(nn.Module):
    def forward(self, x: int) -> int:
        return 2 * x


def test_recorded_keeps_results_call_by_call():
    adder, other = Adder(), Adder()
    with recorded(adder, "add") as calls:
        assert calls == []
        assert adder.add(1, b=2) == 3
        assert other.add(5) == 5
        with pytest.raises(ValueError, match="negative"):
            adder.add(-1)
        adder.add(4)

        assert [call.result for call in calls] == [3, 4]
    adder.add(9)

    assert [call.result for call in calls] == [3, 4]
    assert vars(adder) == {}


def test_recorded_binds_arguments_by_name():
    adder = Adder()
    with (
        recorded(adder, "add", with_arguments=True) as sums,
        recorded(adder, "describe", with_arguments=True) as descriptions,
    ):
        adder.add(1)  # the default is not given
        adder.add(1, 2)
        adder.add(b=2, a=1)
        adder.describe("x", "y", z=1)

    assert [call.arguments for call in sums] == [dict(a=1), dict(a=1, b=2), dict(a=1, b=2)]
    assert descriptions[0].arguments == dict(names=("x", "y"), options=dict(z=1))


def test_recorded_sees_calls_of_a_module():
    doubler = Doubler()
    with recorded(doubler, "forward") as calls:
        doubler(4)
    doubler(5)

    assert calls == [({}, 8)]  # arguments on demand only


def test_recorded_results_do_not_follow_what_the_caller_does_to_them():
    class Head:
        def predict(self):
            return self.result

    head, boxes = Head(), torch.ones(2, 4)
    head.result = [dict(boxes=boxes), InstanceData(bboxes=boxes)]
    with recorded(head, "predict") as calls:
        outputs, instances = found = head.predict()
        outputs["loss"] = 1.0
        outputs.pop("boxes")
        instances.priors = instances.pop("bboxes")
        found.append(None)

    assert found is head.result  # the caller gets the very object, its changes and all
    ((arguments, (outputs, instances)),) = calls
    assert arguments == {}
    assert outputs.keys() == {"boxes"}
    assert instances.keys() == ["bboxes"]
    assert outputs["boxes"] is boxes
    assert instances.bboxes is boxes


def test_own_containers_share_their_tensors():
    tensor = torch.zeros(2)
    value = (1, [tensor, "label", None, [tensor]], {"a": {"b": [tensor]}, 3: (tensor,)})
    copied = with_own_containers(value)

    _, items, mapping = copied
    assert type(copied) is tuple
    assert items is not value[1]
    assert items[3] is not value[1][3]
    assert mapping is not value[2]
    assert mapping["a"] is not value[2]["a"]
    assert mapping["a"]["b"] is not value[2]["a"]["b"]
    assert copied[0] == 1
    assert items[1:3] == ["label", None]
    assert mapping.keys() == {"a", 3}
    assert type(mapping[3]) is tuple
    for found in (items[0], items[3][0], mapping["a"]["b"][0], mapping[3][0]):
        assert found is tensor


def test_own_containers_of_nested_data_elements():
    boxes, labels = torch.ones(2, 4), torch.tensor([3, 5])
    sample = DetDataSample(
        metainfo=dict(img_shape=(8, 9)), gt_instances=InstanceData(bboxes=boxes, labels=labels)
    )
    sample.proposals = InstanceData(metainfo=dict(level=2))  # an element without data
    (copied,) = with_own_containers([sample])

    assert type(copied) is DetDataSample
    assert copied.metainfo == dict(img_shape=(8, 9))
    assert type(copied.gt_instances) is InstanceData
    assert copied.gt_instances.bboxes is boxes
    assert copied.gt_instances.labels is labels
    assert copied.proposals.metainfo == dict(level=2)
    assert copied.proposals.keys() == []

    sample.gt_instances.priors = sample.gt_instances.pop("bboxes")
    sample.gt_instances.labels = torch.tensor([0, 0])
    sample.proposals.bboxes = boxes
    sample.set_metainfo(dict(img_shape=(1, 1)))
    sample.pred_instances = InstanceData()
    assert set(copied.keys()) == {"gt_instances", "proposals"}
    assert set(copied.gt_instances.keys()) == {"bboxes", "labels"}
    assert copied.gt_instances.labels is labels
    assert copied.proposals.keys() == []
    assert copied.img_shape == (8, 9)


def test_replayed_answers_in_order_whatever_the_arguments():
    adder = Adder()
    with replayed(adder, "add", ["first", None, "third"]):
        assert [adder.add(1), adder.add(2, b=7), adder.add(-1)] == ["first", None, "third"]
        with pytest.raises(RuntimeError, match=r"Adder\.add was called more often for a single"):
            adder.add(1)

    assert adder.add(1, 1) == 2
    assert vars(adder) == {}


def test_replayed_takes_any_iterable():
    adder = Adder()
    with replayed(adder, "add", repeat("again")):
        assert [adder.add(i) for i in range(5)] == ["again"] * 5
    with replayed(adder, "add", (10 * i for i in range(2))):
        assert [adder.add(3), adder.add(3)] == [0, 10]
    with replayed(adder, "add", []), pytest.raises(RuntimeError, match="more often"):
        adder.add(1)


@pytest.mark.parametrize(
    "context", [lambda o: recorded(o, "add"), lambda o: replayed(o, "add", [1])]
)
def test_what_shadowed_the_method_before_is_back_even_after_an_error(context):
    def add(a):
        return "shadow"

    adder = Adder()
    adder.add = add
    with pytest.raises(KeyError), context(adder):
        raise KeyError

    assert vars(adder) == {"add": add}


def test_contexts_nest():
    adder = Adder()
    with (
        recorded(adder, "add") as outer,
        replayed(adder, "add", [7]),
        recorded(adder, "add") as inner,
    ):
        adder.add(1)

    assert [call.result for call in inner] == [7]
    assert outer == []  # replaying calls nothing
    assert vars(adder) == {}
