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

from keras_attention.data import report as reasons
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
from keras_attention.data.splits import (
    TEST_SHARE,
    VALID_SHARE,
    check_shares,
    split_of,
)
from keras_attention.data.text.alignment_file import AlignmentFile, usable_links
from keras_attention.data.text.distinct_sources import DistinctSources, few_sources
from keras_attention.data.text.pair_files import PairFiles
from keras_attention.data.text.readers import Pair, read_pairs
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
        pairs: what `prepare` takes, but readable twice: a list, or a function.
        vocabulary_size: int. Of the source, or of both when shared.
        shared: bool. Whether source and target share one tokenizer.
        target_vocabulary_size: int. By default `vocabulary_size`.
        valid_share: float, as will be given to `prepare`.
        test_share: float, as will be given to `prepare`.
        **options: for `Tokenizer.train`.

    Returns:
        `(source_tokenizer, target_tokenizer)`; when shared, the same one twice.
    """
    check_shares(valid_share, test_share)

    def train_split():
        sources, num_pairs = DistinctSources(), 0
        for _, source, target in _numbered(_read_again(pairs)):
            sources.add(source)
            if split_of(source, valid_share, test_share) == "train":
                num_pairs += 1
                yield source, target
        if not num_pairs:
            raise ValueError(
                f"expected pairs to train on; received {sources.num_pairs:,}, of which "
                f"none is in the train split. {_more(sources)}"
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
            that returns one, such as `PairFiles(path)`.
        folder: str or Path. Where to write.
        source_tokenizer: `Tokenizer`.
        target_tokenizer: `Tokenizer`.
        max_source_length: int. Most ids of a source; a longer one is skipped and
            reported. END is not counted.
        max_target_length: int. The same, of a target.
        valid_share: float. Share of the sources in valid; see `split_of`.
        test_share: float. Share of the sources in test.
        alignments: optional. Which words of source and target belong together, kept
            as links between their pieces: `AlignmentFile`, or the path of one, with
            a line for each line of the corpus; or a function of `(source, target)`
            that returns a set of `(source word, target word)`. A pair whose links
            lie outside of it, or cannot be read, is skipped and reported.
        report: `SkipReport` to fill in, optional. Also kept in the folder.
        progress: function called with the number of pairs read so far, optional.
        overwrite: bool. Whether to replace a corpus prepared otherwise.

    Returns:
        `PreparedCorpus`.

    Raises:
        ValueError: no pair is left for training, shares out of range, an alignment
            file of another length, or `folder` holds something else.
    """
    check_shares(valid_share, test_share)
    folder = Path(folder)
    report = SkipReport() if report is None else report
    if isinstance(alignments, str | os.PathLike):
        alignments = AlignmentFile(alignments)
    inputs = [input_fingerprint(each) for each in (pairs, alignments)]
    options = {
        "input": None if None in inputs else inputs[0],
        "alignments": inputs[1] or None,
        "source_tokenizer": source_tokenizer.fingerprint,
        "target_tokenizer": target_tokenizer.fingerprint,
        "max_source_length": max_source_length,
        "max_target_length": max_target_length,
        "valid_share": valid_share,
        "test_share": test_share,
    }
    earlier = earlier_corpus(PreparedCorpus, folder, options, overwrite)
    if earlier is not None:
        vars(report).update(vars(SkipReport.from_dict(earlier.meta["report"])))
        return earlier

    tokenizers = (source_tokenizer, target_tokenizer)
    dtypes = [token_dtype(tokenizer.vocabulary_size) for tokenizer in tokenizers]
    if alignments is not None:
        dtypes.append(token_dtype(max(max_source_length, max_target_length)))
    with (
        locked(folder, "preparing a corpus"),
        whole_folder(folder, overwrite=True) as unfinished,
        ExitStack() as stack,
    ):
        writers = {
            split: stack.enter_context(
                SplitWriter(unfinished / split, dtypes, keep_texts=split != "train")
            )
            for split in SPLITS
        }
        report.num_lines = 0
        stream = iter(_numbered(pairs(report=report) if callable(pairs) else pairs))
        if isinstance(alignments, AlignmentFile):
            stream = alignments.beside(stream, report)
        num_read, sources = 0, DistinctSources()
        while chunk := list(islice(stream, CHUNK)):
            _append(chunk, writers, tokenizers, alignments, options, report, sources)
            num_read += len(chunk)
            if progress is not None:
                progress(num_read)
        report.num_good = sum(writer.num_pairs for writer in writers.values())
        if not writers["train"].num_pairs:
            raise ValueError(
                f"expected pairs to train on; received {num_read:,} pairs of which "
                f"none is left in the train split. {report.summary()}\n"
                f"{_more(sources)}"
            )
        stack.close()  # All is on disk before meta.json says so.
        meta = {
            "format": FORMAT_VERSION,
            "source_vocabulary_size": source_tokenizer.vocabulary_size,
            "target_vocabulary_size": target_tokenizer.vocabulary_size,
            "num_pairs": {name: w.num_pairs for name, w in writers.items()},
            "num_sources": len(sources),
            "num_tokens": {name: w.num_tokens[:2] for name, w in writers.items()},
            "alignment_dtype": None if alignments is None else dtypes[2].name,
            "options": options,
            "report": report.to_dict(),
        }
        (unfinished / META).write_text(json.dumps(meta, indent=1) + "\n", "utf-8")
    return PreparedCorpus.open(folder)


def _more(sources):
    """What to do where nothing is left to train on."""
    few = few_sources(sources.num_pairs, len(sources))
    return few or "Give more data, greater max lengths or smaller shares."


def _append(chunk, writers, tokenizers, alignments, options, report, sources):
    lines: tuple = ()
    if isinstance(alignments, AlignmentFile):
        chunk, lines = zip(*chunk, strict=True)
    threads = os.cpu_count() or 1
    texts = [[pair[side] for pair in chunk] for side in (1, 2)]
    source_ids, target_ids = (
        tokenizer.encode(side_texts, num_threads=threads)
        for tokenizer, side_texts in zip(tokenizers, texts, strict=True)
    )
    longest_source = options["max_source_length"]
    longest_target = options["max_target_length"]
    good = []
    for i, (source, target) in enumerate(zip(source_ids, target_ids, strict=True)):
        if not source or not target:
            report.skip(reasons.EMPTY_SIDE, chunk[i][0])
        elif len(source) > longest_source or len(target) > longest_target:
            report.skip(reasons.TOO_LONG, chunk[i][0])
        else:
            good.append(i)
    columns = [source_ids, target_ids]
    if alignments is not None:
        links = usable_links(alignments, chunk, lines, good, tokenizers, report)
        columns.append(links)
        good = [i for i in good if i in links]
    shares = options["valid_share"], options["test_share"]
    members = {split: [] for split in SPLITS}
    for i in good:
        sources.add(chunk[i][1])
        members[split_of(chunk[i][1], *shares)].append(i)
    for split, rows in members.items():
        writers[split].append(
            [[column[i] for i in rows] for column in columns],
            [[side_texts[i] for i in rows] for side_texts in texts],
        )


def _numbered(pairs):
    for number, pair in enumerate(pairs, start=1):
        yield pair if len(pair) == 3 else Pair(number, *pair)


def _read_again(pairs):
    if callable(pairs):
        return pairs()
    if iter(pairs) is pairs:
        raise ValueError(
            "pairs must be readable more than once, as a list or PairFiles(path) is; "
            "received an iterator"
        )
    return pairs
