"""What training has of its own where texts are translated."""

from keras_attention.data.batches.subword_sampling import SubwordSampling
from keras_attention.data.batches.text_batches import TokenBatches
from keras_attention.data.splits import sample, say_sample
from keras_attention.evaluation.translation import exact_match, score, tokenize_for
from keras_attention.tasks.translator import Translator
from keras_attention.training.corpus import (
    check_tag,
    given_tokenizers,
    gold_alignments,
    prepare_corpus,
)
from keras_attention.training.corpus_files import check_corpus
from keras_attention.training.data_checks import check_sampling
from keras_attention.training.data_keys import HELD_OUT
from keras_attention.training.final_scores import final_scores
from keras_attention.training.recipe_keys import METRICS


class TranslationTraining:
    """Corpus, batches and scores of a recipe that translates.

    Args:
        recipe: `Recipe`.
        console: `rich.console.Console`, for progress.
        start: `Start`, optional. The bundle whose tokenizers are kept.
    """

    task_class = Translator
    batch_shape = "rows×source×target"

    def __init__(self, recipe, console, start=None):
        self.recipe = recipe
        self.console = console
        self.start = start

    def check(self):
        """Raises ValueError for what can be found wrong before anything is written."""
        check_corpus(self.recipe.data)
        if self.recipe.tokenizer.model:
            given_tokenizers(self.recipe.tokenizer, self.recipe.symbols())
        if self.start:
            tokenizers = self.start.tokenizers
            types = sorted({each.model_type for each in tokenizers.values()})
            check_sampling(self.recipe.tokenizer, types)
            for tag in self.recipe.data.tags():
                check_tag(tokenizers["source_tokenizer"], tag)

    def default_options(self):
        """What [model] says where the recipe does not."""
        return {"share_embeddings": self.recipe.tokenizer.shared}

    def sizes(self, corpus=None):
        """Arguments of the model that the corpus decides; made-up ones without it."""
        if corpus is None:
            same = self.recipe.tokenizer.shared
            if self.start:  # Two tokenizers may number one vocabulary, as Marian's do.
                names = ("source_vocabulary_size", "target_vocabulary_size")
                same = len({self.start.options[name] for name in names}) == 1
            return {
                "source_vocabulary_size": 9,
                "target_vocabulary_size": 9 if same else 8,
            }
        return {
            "source_vocabulary_size": corpus.source_tokenizer.vocabulary_size,
            "target_vocabulary_size": corpus.target_tokenizer.vocabulary_size,
        }

    def prepare(self, folder, options):
        """Tokenises; returns the corpus, with `train`, `valid` and `test`."""
        tokenizers = self.start and list(self.start.tokenizers.values())
        return prepare_corpus(self.recipe, folder, self.console, tokenizers)

    def wrap(self, model, corpus, folder):
        """The `Translator` around a model in training."""
        data = self.recipe.data
        source_language, target_language = data.languages()
        # Longer sentences than those trained on can be tried, within reason.
        max_source_length = 2 * data.max_source_length
        if self.start:
            known = self.start.config
            source_language = source_language or known["source_language"]
            target_language = target_language or known["target_language"]
            if data.max_source_length <= known["max_source_length"]:
                max_source_length = known["max_source_length"]
        return Translator(
            model,
            corpus.source_tokenizer,
            corpus.target_tokenizer,
            self.recipe.decoding,
            max_source_length=max_source_length,
            source_language=source_language,
            target_language=target_language,
        )

    def describe(self, corpus):
        """How much data there is, in words."""
        return (
            f"{len(corpus.train):,} training pairs, {len(corpus.valid):,} validation, "
            f"{len(corpus.test):,} test"
        )

    def summary(self, corpus):
        """The same, for the model card."""
        data = self.recipe.data
        shares = {"valid": data.valid_share, "test": data.test_share}
        held_out = {}
        for split, key in HELD_OUT.items():
            files = [t.corpus for of, _, t in data.held_out() if of == split]
            by_hash = f"{100 * shares[split]:g} % of sources, chosen by hash"
            held_out[key] = ", ".join(files) or by_hash
        return {
            "corpus": ", ".join(_in_words(table) for _, table in data.tables()),
            "training_pairs": len(corpus.train),
            **held_out,
        }

    def batches(self, corpus):
        """`(training, validation)`, both `TokenBatches`."""
        training = self.recipe.training
        common = {
            "tokens_per_batch": training.batch_tokens,
            "max_shapes": training.max_shapes,
        }
        train = TokenBatches(
            corpus.train,
            seed=training.seed,
            steps_per_epoch=training.validate_every,
            alignments=training.guided_alignment > 0,
            weights=self._weights(corpus),
            sampling=self._sampling(corpus),
            **common,
        )
        return train, TokenBatches(corpus.valid, shuffle=False, **common)

    def _sampling(self, corpus):
        """What draws segmentations, in training alone; None where nothing does."""
        config = self.recipe.tokenizer
        if not config.samples:
            return None
        return SubwordSampling(
            corpus.source_tokenizer,
            corpus.target_tokenizer,
            config.sampling_alpha,
            config.bpe_dropout,
            self.recipe.training.seed,
        )

    def _weights(self, corpus):
        """How many pairs each corpus has, and its weight; None without weights."""
        corpora = self.recipe.data.corpora
        if not any(table.weight for table in corpora):
            return None
        sizes = [part["num_pairs"]["train"] for part in corpus.parts[: len(corpora)]]
        total = sum(t.weight for t, n in zip(corpora, sizes, strict=True) if n)
        for table, size in zip(corpora, sizes, strict=True):
            share = table.weight / total if size else 0
            times = share * sum(sizes) / max(size, 1)
            self.console.print(
                f"{table.corpus}: {size:,} training pairs, {share:.1%} of what is "
                f"trained on, each {times:.3g} times in a data epoch"
            )
        return [(n, table.weight) for table, n in zip(corpora, sizes, strict=True)]

    def validation(self, translator, corpus):
        """A function that translates validation sentences and scores them, a dict."""
        sources, references = corpus.valid.texts()
        places = sample(sources, self.recipe.training.validation_sentences)
        if self.console is not None:
            what = say_sample(len(places), len(sources), "sentences")
            self.console.print(f"validation translates {what}")
        return TranslationValidation(
            translator,
            [sources[i] for i in places],
            [references[i] for i in places],
        )

    def final_scores(self, translator, corpus):
        """Scores of the test split, for `metrics.json`."""
        return final_scores(
            translator,
            corpus,
            self.recipe.training.test_sentences,
            self.console,
            gold_alignments(self.recipe, corpus),
            self.recipe.data.tags(),
        )

    @staticmethod
    def score_lines(metrics):
        """Scores for people, the baseline beside them."""
        lines = []
        for key in ("model", "copying_the_source"):
            scores = metrics[key]
            lines.append(
                f"{key.replace('_', ' '):18} BLEU {scores['bleu']:5.1f}  "
                f"chrF {scores['chrf']:5.1f}  "
                f"exact {scores['exact_match_percent']:5.1f} %"
            )
        for tag, scores in metrics.get("by_tag", {}).items():
            lines.append(
                f"{tag:18} BLEU {scores['bleu']:5.1f}  chrF {scores['chrf']:5.1f}  "
                f"exact {scores['exact_match_percent']:5.1f} %  "
                f"of {scores['sentences']:,} sentences"
            )
        if "attention" in metrics:
            attention = metrics["attention"]
            lines.append(
                f"{'attention':18} alignment error rate {attention['error_rate']:.3f}  "
                f"entropy {attention['entropy']:.2f} nats"
            )
        counts = (
            metrics["sentences"],
            metrics.get("sentences_in_split", metrics["sentences"]),
        )
        lines.append(f"{metrics['split']}: {say_sample(*counts, 'sentences')}")
        lines.append(metrics["model"]["bleu_signature"])
        return lines

    @staticmethod
    def example(bundle):
        """A command to try next."""
        return f'echo "…" | keras-attention translate {bundle}'


def _in_words(table):
    """A corpus in the model card."""
    remarks = [f"weight {table.weight:g}"] * bool(table.weight)
    remarks += ["swapped"] * table.swap + [f"tag {table.tag}"] * bool(table.tag)
    return f"{table.corpus} ({', '.join(remarks)})" if remarks else table.corpus


class TranslationValidation:
    """BLEU, chrF and exact matches of a model as it is, greedily decoded.

    Args:
        translator: `Translator`.
        sources: list of str.
        references: list of str.
    """

    def __init__(self, translator, sources, references):
        self.translator = translator
        self.sources = sources
        self.references = references

    def __call__(self):
        translations = self.translator.translate(
            self.sources,
            beam=1,
            n_best=1,
            batch_size=64,
            temperature=0.0,
            top_k=0,
            top_p=1.0,
        )
        texts = [translation.text for translation in translations]
        language = self.translator.target_language
        scores = score(texts, self.references, tokenize_for(language))
        exact = 100 * exact_match(texts, self.references)
        found = {**scores.as_dict(), "exact": exact}
        return {name: found[name] for name in METRICS["translation"]}
