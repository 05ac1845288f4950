"""Words that options of training may have, where only Keras can say what they do.

A recipe is checked before Keras is imported, which takes long, so that these stand here
and not beside their implementations, which read them. All other words do stand there.
"""

# Of each task the families of models, with the names of their classes, which
# `models.families` takes from `keras_attention.models`.
FAMILIES = {
    "translation": {"transformer": "Transformer", "recurrent": "RecurrentSeq2Seq"},
    "captioning": {
        "transformer": "TransformerCaptioner",
        "recurrent": "RecurrentCaptioner",
    },
}
# `training.schedules.WarmupSchedule` draws the curves.
DECAYS = ("inverse_sqrt", "cosine", "linear", "constant")
# `layers.scheduled_sampling.ScheduledSampling` does; a recipe may also say "none".
SAMPLING_SCHEDULES = ("linear", "exponential", "inverse_sigmoid")
# `training.trainer` makes of them what Keras has.
OPTIMIZERS = ("adam", "adamw")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# What computes: `Translator.load` takes it, and `--engine`.
ENGINES = ("keras", "ctranslate2")
COMPILATIONS = ("auto", "true", "false")
# `training.captioning` loads the weights or leaves them.
ENCODER_WEIGHTS = ("pretrained", "random")
