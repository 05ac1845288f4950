"""prepare and train on the command line."""

import pytest

from keras_attention.cli import main
from keras_attention.training import trainer
from keras_attention.training.translation import TranslationTraining
from tests.training.support import tiny_recipe

SCORES = {
    "bleu": 12.34,
    "chrf": 45.67,
    "exact_match_percent": 8.9,
    "bleu_signature": "nrefs:1|tok:13a",
}


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe's path; the working folder is empty but for it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.toml"
    path.write_text(tiny_recipe().to_toml(), encoding="utf-8")
    return path


class Fake:
    """A trainer that trains nothing."""

    ran: list = []
    work = TranslationTraining

    def __init__(self, recipe, folder):
        self.recipe, self.folder = recipe, folder
        self.metrics = {
            "model": SCORES,
            "copying_the_source": {**SCORES, "bleu": 1.0},
            "attention": {"error_rate": 0.0123, "entropy": 0.456},
            "sentences": 4,
            "sentences_in_split": 9,
            "split": "test",
        }

    def run(self, resume, force):
        self.ran.append((self.recipe, str(self.folder), resume, force))
        return self


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(Fake, "ran", [])
    monkeypatch.setattr(trainer, "Trainer", Fake)
    return Fake.ran


def test_train_says_its_scores_and_what_to_do_next(recipe, fake, capsys):
    assert main(["train", str(recipe), "--set", "training.seed=5"]) == 0
    ((trained, folder, resume, force),) = fake
    assert (folder, resume, force) == ("runs/tiny", False, False)
    assert trained.training.seed == 5
    out = capsys.readouterr().out
    assert "model              BLEU  12.3  chrF  45.7  exact   8.9 %" in out
    assert "copying the source BLEU   1.0" in out
    assert "alignment error rate 0.012  entropy 0.46 nats" in out
    assert "test: 4 of 9 sentences, chosen by hash\nnrefs:1|tok:13a\n" in out
    assert "keras-attention translate runs/tiny/bundle" in out


@pytest.mark.parametrize("flag", ["--resume", "--force"])
def test_train_hands_on_what_to_do_with_a_folder(recipe, fake, flag):
    assert main(["train", str(recipe), "--out", "here", flag]) == 0
    assert fake[0][1:] == ("here", flag == "--resume", flag == "--force")


def test_train_leaves_a_run_alone(recipe, capsys):
    """The real trainer, which gets no further than the folder."""
    from keras_attention.training.run_folder import claim_folder

    claim_folder("runs/tiny", tiny_recipe())
    (recipe.parent / "runs/tiny/history.csv").write_text("step\n")
    assert main(["train", str(recipe)]) == 1
    assert "pass --resume to go on with it, --force to del" in capsys.readouterr().err
    assert (recipe.parent / "runs/tiny/history.csv").read_text() == "step\n"


def test_a_corpus_that_is_not_there_can_be_mended(recipe, capsys):
    argv = ["train", str(recipe), "--set"]
    assert main([*argv, "data.corpus=pairs.tsv"]) == 1
    assert "there is no file pairs.tsv" in capsys.readouterr().err
    assert main([*argv, "data.corpus=coyp"]) == 1
    assert "did you mean 'copy'" in capsys.readouterr().err


def test_prepare_tokenises_and_says_how_much(recipe, capsys):
    assert main(["prepare", str(recipe), "--out", "prepared"]) == 0
    printed = capsys.readouterr().out
    assert printed == "prepared: 174 training pairs, 22 validation, 4 test\n"
    assert (recipe.parent / "prepared/source.model").exists()
    # Again, it is opened.
    assert main(["prepare", str(recipe), "--out", "prepared"]) == 0
    assert capsys.readouterr().out == printed
