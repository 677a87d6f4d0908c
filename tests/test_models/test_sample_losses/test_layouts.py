"""Tests of cutting recorded results to one sample."""

from itertools import islice
from typing import Any

import pytest
import torch
from mmengine.structures import InstanceData

from mmal.models.sample_losses import (
    BatchDim,
    CallPerSample,
    EntryPerSample,
    Recorded,
    RowsOfRois,
    Silenced,
)
from mmal.utils.record import Call


class Head:
    """The owner of the recorded methods; only its name is used."""


def calls_of(*results: Any) -> list[Call]:
    return [Call({}, result) for result in results]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_batch_dim_cuts_nested_containers(index):
    matrix, vector = torch.arange(6.0).view(3, 2), torch.arange(3.0, requires_grad=True)
    nested = (matrix, [vector, {"x": matrix + 10}], "label", None)
    (cut,) = BatchDim(Head(), "forward").cut(calls_of(nested), index, 3)

    assert type(cut) is tuple
    found_matrix, (found_vector, mapping), *others = cut
    assert found_matrix.tolist() == [[2.0 * index, 2.0 * index + 1]]
    assert found_vector.tolist() == [index]
    assert not found_vector.requires_grad
    assert mapping["x"].tolist() == [[2.0 * index + 10, 2.0 * index + 11]]
    assert others == ["label", None]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_batch_dim_cuts_another_dimension(index):
    layers = torch.arange(24).view(2, 3, 4)  # layer, sample, channel
    (first, second), third = BatchDim(Head(), "forward", dim=1).cut(
        calls_of([layers, {"boxes": layers + 100}], layers + 200), index, 3
    )

    own = [[[12 * layer + 4 * index + channel for channel in range(4)]] for layer in range(2)]
    assert first.tolist() == own
    assert (second["boxes"] - 100).tolist() == own
    assert (third - 200).tolist() == own  # the second call


@pytest.mark.parametrize(
    ("dim", "result", "shape"),
    [
        (0, torch.ones(2, 3), r"\(2, 3\)"),
        (0, torch.tensor(1.0), r"\(\)"),
        (0, (torch.ones(3), [{"x": torch.ones(4, 1)}]), r"\(4, 1\)"),
        (1, torch.ones(3, 2), r"\(3, 2\)"),
        (1, torch.ones(3), r"\(3,\)"),
    ],
)
def test_batch_dim_of_another_size_is_refused(dim, result, shape):
    message = rf"^Head\.forward returned .*shape {shape} for a batch of 3; .* in dimension {dim}\."
    with pytest.raises(ValueError, match=message):
        BatchDim(Head(), "forward", dim).cut(calls_of(result), 0, 3)


def test_call_per_sample_picks_from_every_row():
    # Two rows, such as two levels or stages, over three samples.
    calls = calls_of(*(f"row {row}, sample {sample}" for row in (0, 1) for sample in range(3)))
    layout = CallPerSample(Head(), "assign")

    for sample in range(3):
        own = [f"row {row}, sample {sample}" for row in (0, 1)]
        assert layout.cut(calls, sample, 3) == own
    assert layout.cut([], 1, 3) == []  # never called


def test_call_per_sample_detaches():
    leaf = torch.ones(2, requires_grad=True)
    (cut,) = CallPerSample(Head(), "assign").cut(calls_of((leaf * 2, [leaf * 3], 4)), 0, 1)

    doubled, (tripled,), number = cut
    assert (doubled.tolist(), tripled.tolist(), number) == ([2, 2], [3, 3], 4)
    assert not doubled.requires_grad
    assert not tripled.requires_grad


@pytest.mark.parametrize("count", [2, 4, 7])
def test_call_per_sample_of_unequal_turns_is_refused(count):
    message = rf"^Head\.assign was called {count} times for a batch of 3;"
    with pytest.raises(ValueError, match=message):
        CallPerSample(Head(), "assign").cut(calls_of(*range(count)), 0, 3)


def test_entry_per_sample_cuts_the_lists_of_nested_tuples():
    leaf = torch.ones(1, requires_grad=True)
    masks = [leaf * sample for sample in range(3)]
    numbers, letters = [10, 11, 12], ["a", "b", "c"]
    layout = EntryPerSample(Head(), "predict_by_feat")

    for sample in range(3):
        plain, nested = layout.cut(calls_of(numbers, (masks, (numbers, letters))), sample, 3)
        assert type(plain) is list
        assert plain == [10 + sample]
        assert type(nested) is tuple
        ((mask,), inner) = nested
        assert mask.tolist() == [sample]
        assert not mask.requires_grad
        assert inner == ([10 + sample], ["abc"[sample]])


@pytest.mark.parametrize("layout", [CallPerSample, EntryPerSample])
def test_data_elements_are_detached_and_anew_for_every_replay(layout):
    bboxes = torch.ones(2, 4, requires_grad=True) * 3
    proposals = InstanceData(metainfo=dict(level=1), bboxes=bboxes)
    calls = calls_of(proposals if layout is CallPerSample else [proposals])
    for _ in range(2):  # a loss renames the boxes of the proposals
        (cut,) = layout(Head(), "predict_by_feat").cut(calls, 0, 1)
        found = cut if layout is CallPerSample else cut[0]
        assert found.level == 1
        assert found.keys() == ["bboxes"]
        found.priors = found.pop("bboxes")
        assert found.priors.tolist() == bboxes.tolist()
        assert not found.priors.requires_grad

    assert proposals.bboxes is bboxes
    assert bboxes.requires_grad


@pytest.mark.parametrize("result", [[1, 2], ([1, 2, 3], ([1, 2],))])
def test_entry_per_sample_of_another_length_is_refused(result):
    message = r"^Head\.predict_by_feat returned 2 entries for a batch of 3;"
    with pytest.raises(ValueError, match=message):
        EntryPerSample(Head(), "predict_by_feat").cut(calls_of(result), 0, 3)


def test_rows_of_rois_follow_the_image_index():
    images = [0, 0, 0, 2, 3, 3]  # none for image 1, nor for the last of five
    rois = torch.cat([torch.tensor(images)[:, None], torch.rand(6, 4)], dim=1)
    scores = torch.arange(12.0, requires_grad=True).view(6, 2)
    first = Call(dict(x=None, rois=rois), dict(scores=scores, feats=torch.arange(6)))
    second = Call(dict(rois=rois[3:]), dict(scores=scores[3:]))  # images 2, 3, 3
    layout = RowsOfRois(Head(), "_bbox_forward")

    for sample in range(5):
        rows = [row for row, image in enumerate(images) if image == sample]
        found, other = layout.cut([first, second], sample, 5)
        assert found["scores"].tolist() == [[2 * row, 2 * row + 1] for row in rows]
        assert found["scores"].shape == (len(rows), 2)
        assert not found["scores"].requires_grad
        assert found["feats"].tolist() == rows
        expected = [[2 * row, 2 * row + 1] for row in rows if row >= 3]
        assert other["scores"].tolist() == expected


def test_rows_of_rois_without_any():
    call = Call(dict(rois=torch.zeros(0, 5)), dict(scores=torch.zeros(0, 7)))
    (found,) = RowsOfRois(Head(), "_bbox_forward").cut([call], 1, 2)

    assert found["scores"].shape == (0, 7)


def test_silenced_answers_whatever_was_recorded():
    zeros = (0.0, None)
    for calls in ([], calls_of("first", "second")):
        answers = Silenced(Head(), "update", zeros).cut(calls, 1, 3)
        assert list(islice(answers, 4)) == [zeros] * 4

    assert next(iter(Silenced(Head(), "update").cut([], 0, 1))) is None


def test_a_layout_of_ones_own_has_to_cut() -> None:
    with pytest.raises(TypeError, match=r"abstract method '?cut"):
        Recorded(object(), "method")
