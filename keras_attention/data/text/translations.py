"""From files of sentence pairs to tokenised splits on disk, in bounded memory.

pairs = PairFiles("corpus.tsv.gz")
source_tokenizer, target_tokenizer = train_tokenizers(pairs, 8000, shared=True)
corpus = prepare(pairs, "prepared", source_tokenizer=…, target_tokenizer=…)
corpus.train, corpus.valid, corpus.test
"""

import json
import os
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path

from keras_attention.data.prepared.reopening import earlier_corpus, input_fingerprint
from keras_attention.data.prepared.store import (
    FORMAT_VERSION,
    META,
    SPLITS,
    PreparedCorpus,
    TokenisedCorpus,
    token_dtype,
)
from keras_attention.data.prepared.writer import SplitWriter
from keras_attention.data.report import SkipReport
from keras_attention.data.splits import TEST_SHARE, VALID_SHARE, split_of
from keras_attention.data.text.alignment_file import AlignmentFile
from keras_attention.data.text.distinct_sources import DistinctSources, few_sources
from keras_attention.data.text.pair_files import PairFiles
from keras_attention.data.text.parts import Splitter, as_parts
from keras_attention.data.text.readers import Pair, read_pairs
from keras_attention.data.text.tokenising import PairTokenising
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.files import whole_folder
from keras_attention.locks import locked

__all__ = [
    "Pair",
    "PairFiles",
    "PreparedCorpus",
    "SkipReport",
    "TokenisedCorpus",
    "prepare",
    "read_pairs",
    "split_of",
    "train_tokenizers",
]

CHUNK = 10_000


def train_tokenizers(
    pairs,
    vocabulary_size,
    *,
    shared=False,
    target_vocabulary_size=None,
    valid_share=VALID_SHARE,
    test_share=TEST_SHARE,
    **options,
):
    """Learns tokenizers from the train split alone.

    Args:
        pairs: what `prepare` takes, but readable twice: a list, or a function. Of
            parts that are splits nothing is learned.
        vocabulary_size: int. Of the source, or of both when shared.
        shared: bool. Whether source and target share one tokenizer.
        target_vocabulary_size: int. By default `vocabulary_size`.
        valid_share: float, as will be given to `prepare`.
        test_share: float, as will be given to `prepare`.
        **options: for `Tokenizer.train`.

    Returns:
        `(source_tokenizer, target_tokenizer)`; when shared, the same one twice.
    """
    parts = as_parts(pairs)
    splitter = Splitter(parts, valid_share, test_share)

    def train_split():
        sources, num_pairs = DistinctSources(), 0
        for part in parts:
            if part.split:
                continue
            for pair in part.read_again():
                sources.add(pair.source)
                if splitter(part, pair) == "train":
                    num_pairs += 1
                    yield part.tagged(pair.source), pair.target
        if not num_pairs:
            raise ValueError(
                f"expected pairs to train on; received {sources.num_pairs:,}, of which "
                f"none is in the train split. {_advice(sources)}"
            )

    if shared:
        if target_vocabulary_size not in (None, vocabulary_size):
            raise ValueError(
                "a shared tokenizer has one size; received vocabulary_size="
                f"{vocabulary_size}, target_vocabulary_size={target_vocabulary_size}"
            )
        sentences = chain.from_iterable(train_split())
        tokenizer = Tokenizer.train(sentences, vocabulary_size, **options)
        return tokenizer, tokenizer
    return (
        Tokenizer.train((s for s, _ in train_split()), vocabulary_size, **options),
        Tokenizer.train(
            (t for _, t in train_split()),
            target_vocabulary_size or vocabulary_size,
            **options,
        ),
    )


def prepare(
    pairs,
    folder,
    *,
    source_tokenizer,
    target_tokenizer,
    max_source_length=256,
    max_target_length=256,
    valid_share=VALID_SHARE,
    test_share=TEST_SHARE,
    alignments=None,
    report=None,
    progress=None,
    overwrite=False,
):
    """Tokenises pairs into a folder of memory-mapped arrays, a chunk at a time.

    The folder appears when it is complete; an interrupted run leaves none. A folder
    prepared with the same options from the same `PairFiles` is opened and not
    written again.

    Args:
        pairs: iterable of `Pair` or `(source, target)`; or a function of `report`
            that returns one, such as `PairFiles(path)`. Or a list of `Part`: several
            corpora, and files that are splits; then no share is held out for these,
            and pairs of the corpora whose source they have are skipped and reported.
        folder: str or Path. Where to write.
        source_tokenizer: `Tokenizer`.
        target_tokenizer: `Tokenizer`.
        max_source_length: int. Most ids of a source; a longer one is skipped and
            reported. END is not counted.
        max_target_length: int. The same, of a target.
        valid_share: float. Share of the sources in valid; see `split_of`.
        test_share: float. Share of the sources in test.
        alignments: optional. Which words of source and target belong together, kept
            as links between their subwords: `AlignmentFile`, or the path of one, with
            a line for each line of the corpus; or a function of `(source, target)`
            that returns a set of `(source word, target word)`. A pair whose links
            lie outside of it, or cannot be read, is skipped and reported.
        report: `SkipReport` to fill in, optional, or a list of them, one for each
            part. Also kept in the folder.
        progress: function called with the number of pairs read so far, optional.
        overwrite: bool. Whether to replace a corpus prepared otherwise.

    Returns:
        `PreparedCorpus`.

    Raises:
        ValueError: no pair is left for training, shares out of range, an alignment
            file of another length, or `folder` holds something else.
    """
    folder = Path(folder)
    if isinstance(alignments, str | os.PathLike):
        alignments = AlignmentFile(alignments)
    parts = as_parts(pairs, alignments)
    reports = report if isinstance(report, list) else [report or SkipReport()]
    reports += [SkipReport() for _ in parts[len(reports) :]]
    aligned = _aligned(parts)
    options = {
        **_inputs(parts),
        "source_tokenizer": source_tokenizer.fingerprint,
        "target_tokenizer": target_tokenizer.fingerprint,
        "max_source_length": max_source_length,
        "max_target_length": max_target_length,
        "valid_share": valid_share,
        "test_share": test_share,
    }
    earlier = earlier_corpus(PreparedCorpus, folder, options, overwrite)
    if earlier is not None:
        for mine, theirs in zip(reports, earlier.reports, strict=True):
            vars(mine).update(vars(theirs))
        return earlier

    splitter = Splitter(parts, valid_share, test_share)
    tokenizers = (source_tokenizer, target_tokenizer)
    dtypes = [token_dtype(tokenizer.vocabulary_size) for tokenizer in tokenizers]
    link_dtype = token_dtype(max(max_source_length, max_target_length))
    own_files = {part.split for part in parts if part.split}
    with (
        locked(folder, "preparing a corpus"),
        whole_folder(folder, overwrite=True) as unfinished,
        ExitStack() as stack,
    ):
        writers = {
            split: stack.enter_context(
                SplitWriter(
                    unfinished / split,
                    [*dtypes, link_dtype] if split in aligned else dtypes,
                    keep_texts=split != "train",
                )
            )
            for split in SPLITS
        }
        limits = max_source_length, max_target_length
        tokenising = PairTokenising(tokenizers, limits, splitter, writers)
        num_read, counts, sources = 0, [], tokenising.sources
        for part, part_report in zip(parts, reports, strict=True):
            before = {name: w.num_pairs for name, w in writers.items()}
            part_report.num_lines = 0
            stream = iter(part.read(part_report))
            if isinstance(part.alignments, AlignmentFile):
                stream = part.alignments.beside(stream, part_report)
            while chunk := list(islice(stream, CHUNK)):
                tokenising.add(part, chunk, part_report)
                num_read += len(chunk)
                if progress is not None:
                    progress(num_read)
            added = {name: w.num_pairs - before[name] for name, w in writers.items()}
            part_report.num_good = sum(added.values())
            counts.append(added)
        if not writers["train"].num_pairs:
            summaries = "\n".join(each.summary() for each in reports)
            raise ValueError(
                f"expected pairs to train on; received {num_read:,} pairs of which "
                f"none is left in the train split. {summaries}\n"
                f"{_advice(sources)}"
            )
        stack.close()  # All is on disk before meta.json says so.
        meta = {
            "format": FORMAT_VERSION,
            "source_vocabulary_size": source_tokenizer.vocabulary_size,
            "target_vocabulary_size": target_tokenizer.vocabulary_size,
            "num_pairs": {name: w.num_pairs for name, w in writers.items()},
            "num_sources": len(sources),
            "num_tokens": {name: w.num_tokens[:2] for name, w in writers.items()},
            "alignment_dtype": link_dtype.name if aligned else None,
            "own_files": sorted(own_files),
            "parts": [
                {"name": part.name, "num_pairs": added, "report": part_report.to_dict()}
                for part, added, part_report in zip(parts, counts, reports, strict=True)
            ],
            "options": options,
        }
        (unfinished / META).write_text(json.dumps(meta, indent=1) + "\n", "utf-8")
    return PreparedCorpus.open(folder)


def _inputs(parts):
    """What is read, among the options that a folder is compared by."""
    if len(parts) == 1 and not parts[0].tag:
        inputs = [
            input_fingerprint(each) for each in (parts[0].pairs, parts[0].alignments)
        ]
        return {
            "input": None if None in inputs else inputs[0],
            "alignments": inputs[1] or None,
        }
    inputs = [part.fingerprint() for part in parts]
    return {"input": None if None in inputs else inputs, "alignments": None}


def _aligned(parts):
    """The splits whose words are known to belong together."""
    corpora = [part for part in parts if not part.split]
    linked = [part.alignments is not None for part in corpora]
    if any(linked) and not all(linked):
        without = corpora[linked.index(False)].name
        raise ValueError(
            "expected alignments of all corpora or of none; received none of "
            f"{without}: give them in its table, or leave out the others'"
        )
    return {*SPLITS} - {part.split for part in parts} if any(linked) else set()


def _advice(sources):
    """What to do where nothing is left to train on."""
    few = few_sources(sources.num_pairs, len(sources))
    return few or "Give more data, greater max lengths or smaller shares."
