"""Captions of scenes against what is in them: things, numbers, relations."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

from keras_attention.data.scenes import Statement, read_caption


@dataclasses.dataclass(frozen=True)
class SceneScores:
    """How true captions of scenes are; percentages."""

    object_precision: float
    """Of the things said, those that are there."""
    object_recall: float
    """Of the things that are there, those said."""
    object_f1: float
    """Harmonic mean of the two; things are counted over all captions."""
    exact_objects: float
    """Captions that name every thing, as often as it is there, and no other."""
    relation_accuracy: float
    """Scenes of two kinds of things or more whose caption says a relation, all of it
    true. One that names no relation, or a thing that is not there, is wrong."""
    relation_precision: float
    """Of the relations said, those that hold between the boxes."""
    count_accuracy: float
    """Of the kinds of things rightly named, those said as often as they are there."""
    true_captions: float
    """Captions in which everything is right."""
    captions: int
    """Captions scored."""

    def as_dict(self):
        """Names and numbers, for JSON."""
        return dataclasses.asdict(self)

    def __str__(self):
        return (
            f"things: precision {self.object_precision:.1f}  recall "
            f"{self.object_recall:.1f}  F1 {self.object_f1:.1f}  all of them "
            f"{self.exact_objects:.1f} %  relations {self.relation_accuracy:.1f} %"
        )


@dataclasses.dataclass(frozen=True)
class CaptionJudgement:
    """What is right and wrong in one caption."""

    said: int
    """Things named, as often as they were."""
    there: int
    """Things in the scene."""
    right: int
    """Things in both."""
    kinds: int
    """Kinds of things in both."""
    counted: int
    """Those of which as many are said as are there."""
    relations: int
    """Relations told."""
    relations_true: int
    """Those that hold."""
    related: bool
    """Whether the scene has a relation to tell."""

    @property
    def relations_right(self):
        """Whether a relation is told and all that are told are true."""
        return 0 < self.relations == self.relations_true

    @property
    def exact(self):
        return self.said == self.there == self.right

    @property
    def true(self):
        return self.exact and (self.relations_right or not self.related)


def read_statements(texts: Sequence[str], language: str) -> list[Statement]:
    """What captions say; see `read_caption`."""
    return [read_caption(text, language or "en") for text in texts]


def judge(statement: Statement, truth: dict) -> CaptionJudgement:
    """Compares one caption with its scene.

    Args:
        statement: `Statement`.
        truth: of a scene; see `Scenes`.
    """
    there = Counter(each["name"] for each in truth["objects"])
    kinds = statement.objects.keys() & there.keys()
    return CaptionJudgement(
        said=statement.objects.total(),
        there=there.total(),
        right=(statement.objects & there).total(),
        kinds=len(kinds),
        counted=sum(statement.objects[kind] == there[kind] for kind in kinds),
        relations=len(statement.relations),
        relations_true=len(statement.relations & relation_names(truth)),
        related=truth["plan"][0] != "alone",
    )


def relation_names(truth: dict) -> set:
    """All relations that hold in a scene, by names as a `Statement` has them.

    Of several things of one name, one that stands so is enough.
    """
    names = [each["name"] for each in truth["objects"]]
    facts: set = set()
    for i, relation, *others in truth["relations"]:
        other = tuple(sorted(names[j] for j in others))
        facts.add((names[i], relation, other if len(other) > 1 else other[0]))
    return facts


def score_scenes(
    statements: Sequence[Statement], truths: Sequence[dict]
) -> SceneScores:
    """Scores captions of scenes.

    Args:
        statements: what each caption says; see `read_statements`.
        truths: what is true of each scene; see `Scenes`.

    Returns:
        `SceneScores`.

    Raises:
        ValueError: unequal numbers.

    Example:

    >>> truth = {
    ...     "objects": [{"name": "dog"}, {"name": "cat"}],
    ...     "relations": [[0, "left of", 1], [1, "right of", 0]],
    ...     "plan": ["left of", []],
    ... }
    >>> said = read_statements(["a cat right of a dog", "two dogs"], "en")
    >>> scores = score_scenes(said, [truth, truth])
    >>> scores.object_precision, scores.relation_accuracy
    (75.0, 50.0)
    """
    if len(statements) != len(truths):
        raise ValueError(
            "expected a statement for each scene; received "
            f"{len(statements)} statements and {len(truths)} scenes"
        )
    judged = list(map(judge, statements, truths))
    right = sum(one.right for one in judged)
    precision = _percent(right, sum(one.said for one in judged))
    recall = _percent(right, sum(one.there for one in judged))
    both = precision + recall
    related = [one for one in judged if one.related]
    return SceneScores(
        precision,
        recall,
        2 * precision * recall / both if both else 0.0,
        _percent(sum(one.exact for one in judged), len(judged)),
        _percent(sum(one.relations_right for one in related), len(related)),
        _percent(
            sum(one.relations_true for one in judged),
            sum(one.relations for one in judged),
        ),
        _percent(sum(one.counted for one in judged), sum(one.kinds for one in judged)),
        _percent(sum(one.true for one in judged), len(judged)),
        len(judged),
    )


def score_by_number(
    statements: Sequence[Statement], truths: Sequence[dict]
) -> dict[int, SceneScores]:
    """`score_scenes` of the scenes with one thing, with two things, and so on."""
    pairs: dict[int, list] = {}
    for statement, truth in zip(statements, truths, strict=True):
        pairs.setdefault(len(truth["objects"]), []).append((statement, truth))
    return {
        number: score_scenes(*zip(*pairs[number], strict=True))
        for number in sorted(pairs)
    }


def _percent(part, whole):
    return 100 * part / whole if whole else 0.0
