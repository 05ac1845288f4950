def shipped_corpora():
    return ["help-en-de"]


def corpus_path(n):
    return "/work/shared/data/translation/libreoffice-help.en-de.tsv.gz"
