"""The scores that a trained model is shipped with."""

from keras_attention.data.splits import sample
from keras_attention.evaluation.alignments import measure_attention
from keras_attention.evaluation.translation import exact_match, score, tokenize_for


def final_scores(
    translator, corpus, max_sentences=0, console=None, gold=None, tags=None
):
    """BLEU and chrF on the test split, beside those of copying the source.

    Where it is known how words are aligned, also how right attention is.

    Args:
        translator: `Translator`.
        corpus: `PreparedCorpus`, whose `test` (or, if empty, `valid`) is translated.
        max_sentences: int. Sentences to translate, chosen by hash; 0 is all.
        console: `rich.console.Console`, optional, for progress.
        gold: alignments of the test split, as `gold_alignments` gives them; or None.
        tags: dict from tags that sources may begin with to the language of their
            targets, or ""; optional. Each is scored by itself too.

    Returns:
        dict for `metrics.json`.
    """
    split = "test" if len(corpus.test) else "valid"
    sources, references = getattr(corpus, split).texts()
    places, num_all = sample(sources, max_sentences), len(sources)
    sources, references = (
        [texts[i] for i in places] for texts in (sources, references)
    )
    texts = translate_with_bar(translator, sources, console, f"scoring on {split}")
    language = translator.target_language
    tags = tags or {}
    tag_of = [tag if (tag := text.split(" ", 1)[0]) in tags else "" for text in sources]
    copied = [
        text[len(tag) :].lstrip() for text, tag in zip(sources, tag_of, strict=True)
    ]

    def measured(hypotheses, rows=None, language=language):
        rows = range(len(references)) if rows is None else rows
        pair = [hypotheses[i] for i in rows], [references[i] for i in rows]
        scores = score(*pair, tokenize_for(language))
        return {**scores.as_dict(), "exact_match_percent": 100 * exact_match(*pair)}

    scores = {
        "split": split,
        "sentences": len(sources),
        "sentences_in_split": num_all,
        "model": measured(texts),
        "copying_the_source": measured(copied),
    }
    for tag in tags:
        rows = [i for i, other in enumerate(tag_of) if other == tag]
        if rows:
            found = measured(texts, rows, tags[tag] or language)
            by_tag = scores.setdefault("by_tag", {})
            by_tag[tag] = {"sentences": len(rows), **found}
    if gold and translator.model.attends:
        gold = [gold[i] for i in places]
        measures = measure_attention(translator, sources, references, gold)
        scores["attention"] = measures.as_dict()
    return scores


def translate_with_bar(
    translator, sources, console=None, what="translating", **options
):
    """Best translations of many texts, with a progress bar where a terminal is."""
    from rich.progress import Progress

    with Progress(
        console=console,
        transient=True,
        disable=console is None or not console.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=len(sources))
        translations = translator.translate(
            sources, progress=lambda done: bar.update(task, completed=done), **options
        )
    return [translation.text for translation in translations]
