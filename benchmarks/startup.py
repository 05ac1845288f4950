"""Time to a first sentence from the shell, beside scripts of other libraries.

    python benchmarks/startup.py
    python benchmarks/startup.py --sizes base --repeats 9

Whole processes in turns, from their start to their end: `keras-attention translate` of
a bundle, and beside it the few lines that a user of each library would write, with the
same checkpoint of random weights and the same sentence. All must print the same, and
take as many threads as they do. Files are in the cache of the operating system, since
each runs once before.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import ROOT, Peer, Table, begin, parser, peers_python

SENTENCE = "bal ben kor dun fas gil"
SCRIPTS = {
    "transformers": """
import sys
from transformers import MarianMTModel, MarianTokenizer
tokenizer = MarianTokenizer.from_pretrained(sys.argv[1])
model = MarianMTModel.from_pretrained(sys.argv[1])
ids = model.generate(**tokenizer([sys.stdin.read()], return_tensors="pt"))
print(tokenizer.batch_decode(ids, skip_special_tokens=True)[0])
""",
    "ctranslate2": """
import sys, ctranslate2, sentencepiece
folder = sys.argv[1]
source, target = (
    sentencepiece.SentencePieceProcessor(f"{folder}/{side}.spm")
    for side in ("source", "target")
)
translator = ctranslate2.Translator(f"{folder}/ctranslate2")
pieces = source.encode(sys.stdin.read().strip(), out_type=str)
found = translator.translate_batch(
    [[*pieces, "</s>"]], beam_size=1, max_decoding_length=20
)
print(target.decode(found[0].hypotheses[0]))
""",
}


def run(command):
    """`(seconds, what it printed)`."""
    began = time.perf_counter()
    done = subprocess.run(
        command, input=SENTENCE + "\n", capture_output=True, text=True, cwd=ROOT
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stderr[-3000:]}")
    return seconds, done.stdout.strip().replace(" ", "")


def prepare(size, folder):
    """Writes the checkpoint, the bundle and what CTranslate2 reads."""
    maker, converter = Peer("checkpoint"), Peer("ctranslate2_model")
    maker.call("make", folder, size, 20)
    converter.call("load", folder, "float32")
    maker.close()
    converter.close()
    command = ["import", "marian", folder, "--out", f"{folder}/bundle"]
    subprocess.run([*ours(), *command], check=True, capture_output=True, cwd=ROOT)


def ours():
    return [sys.executable, "-c", "from keras_attention.cli import main; main()"]


def measure(size, folder, arguments, table):
    prepare(size, folder)
    commands = {"ours": [*ours(), "translate", f"{folder}/bundle"]}
    for name in arguments.peers:
        commands[name] = [peers_python(), "-c", SCRIPTS[name], folder]
    said = {name: run(command)[1] for name, command in commands.items()}
    if len(set(said.values())) > 1:
        sys.exit(f"they do not say the same: {said}")
    seconds = {name: [] for name in commands}
    for _ in range(arguments.repeats):
        for name, command in commands.items():
            seconds[name].append(run(command)[0])
    table.add([size], seconds)


def parse(argv=None):
    found = parser(__doc__)
    found.add_argument("--sizes", nargs="+", default=["small", "base"])
    found.add_argument("--peers", nargs="+", default=list(SCRIPTS), choices=SCRIPTS)
    arguments = found.parse_args(argv)
    if arguments.small:
        arguments.sizes = ["small"]
    arguments.repeats = arguments.repeats or (3 if arguments.small else 9)
    return arguments


def main(argv=None):
    arguments = parse(argv)
    begin(threads=None)
    table = Table(["model"], arguments.peers)
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            measure(size, str(Path(folder, size)), arguments, table)
    table.finish()


if __name__ == "__main__":
    main()
