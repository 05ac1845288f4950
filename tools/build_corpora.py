"""Builds the shipped corpora from LibreOffice's help, as Debian packages it.

    apt-get update
    python tools/build_corpora.py

Each paragraph of the help has an identifier, which its translations keep. Paragraphs
with the same identifier in the same file are paired, and then cut into sentences where
both sides have as many of them. Pairs whose sides are equal (code, names) are left out.
Lines are sorted and gzip gets no time stamp: the same packages give the same bytes.
"""

import argparse
import gzip
import html
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

CORPORA = Path(__file__).parents[1] / "keras_attention" / "data" / "corpora"
HELP = Path("usr/share/libreoffice/help")
LICENCE = Path("/usr/share/common-licenses/MPL-2.0")
ENGLISH = ("libreoffice-help-en-us", "en-US")
# Name in this package: (Debian package, folder of the language).
TRANSLATIONS = {
    "de": ("libreoffice-help-de", "de"),
    "zh": ("libreoffice-help-zh-cn", "zh-CN"),
}

PARAGRAPH = re.compile(r"<(p|h[1-6])\b([^>]*)>(.*?)</\1>", re.DOTALL)
IDENTIFIER = re.compile(r'id="((?:par|hd|bm)_id\w+)"')
# A page holds the words for every system and application, and hides what does not
# apply; without a browser the hidden ones would stand beside the shown ones.
HIDDEN = re.compile(
    r'<span hidden="true" id="(?:MAC|UNIX|WIN|IMPRESS|CALC|WRITER|DRAW|MATH|CHART|BASE)'
    r"[^>]*>(?:<span[^>]*>.*?</span>|[^<])*?</span>",
    re.DOTALL,
)
TAG = re.compile(r"<[^>]+>")
SENTENCE_END = re.compile(r'(?<=[.!?])\s+(?=[A-ZÄÖÜÉÀ"])')
CHINESE_SENTENCE = re.compile("[^。！？]+[。！？]?")


def paragraphs(page):
    """Text of each paragraph of a page, by identifier."""
    content = page[page.find('id="DisplayArea"') :]
    found = {}
    for _, attributes, inner in PARAGRAPH.findall(content):
        identifier = IDENTIFIER.search(attributes)
        text = html.unescape(TAG.sub("", HIDDEN.sub("", inner)))
        text = " ".join(text.split())
        if identifier and text:
            found.setdefault(identifier[1], text)
    return found


def read_help(root, language):
    """Text of each paragraph of a language, by file and identifier."""
    folder = root / HELP / language
    texts = {}
    for path in sorted(folder.glob("text/**/*.html")):
        for identifier, text in paragraphs(path.read_text("utf-8")).items():
            texts[path.relative_to(folder), identifier] = text
    if not texts:
        raise SystemExit(
            f"no help pages in {folder}: has the package's layout changed?"
        )
    return texts


def sentences(text, language):
    if language == "zh":
        return CHINESE_SENTENCE.findall(text)
    return SENTENCE_END.split(text)


def sentence_pairs(english, translated, language):
    """Sorted pairs of sentences, each once."""
    pairs = set()
    for key in english.keys() & translated.keys():
        sources = sentences(english[key], "en")
        targets = sentences(translated[key], language)
        if len(sources) == len(targets):
            stripped = [[s.strip() for s in side] for side in (sources, targets)]
            pairs.update(zip(*stripped, strict=True))
    return sorted((s, t) for s, t in pairs if s != t and s and t)


def write(path, pairs):
    text = "".join(f"{source}\t{target}\n" for source, target in pairs)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{path.name}: {len(pairs):,} pairs, {path.stat().st_size:,} bytes")


def download(package, folder):
    """Unpacks a Debian package into `folder`; returns its version."""
    subprocess.run(["apt-get", "download", "-q", package], cwd=folder, check=True)
    (archive,) = folder.glob(f"{package}_*.deb")
    subprocess.run(["dpkg", "-x", archive, folder], check=True)
    field = ["dpkg-deb", "-f", archive, "Version"]
    return subprocess.run(field, check=True, capture_output=True, text=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=CORPORA)
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        root.chmod(0o777)  # apt downloads as another user.
        packages = [ENGLISH, *TRANSLATIONS.values()]
        versions = {name: download(name, root).strip() for name, _ in packages}
        english = read_help(root, ENGLISH[1])
        for language, (_, folder) in TRANSLATIONS.items():
            pairs = sentence_pairs(english, read_help(root, folder), language)
            write(output / f"libreoffice-help.en-{language}.tsv.gz", pairs)
    shutil.copyfile(LICENCE, output / "LICENSE.MPL-2.0")
    for name, version in versions.items():
        print(f"{name} {version}")


if __name__ == "__main__":
    main()
