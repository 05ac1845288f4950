"""A SavedModel behind FastAPI, as its documentation would have one write it.

python fastapi_app.py FOLDER PORT
"""

import sys

import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the ops
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = tf.saved_model.load(sys.argv[1])
signature = model.signatures["serving_default"]


class Texts(BaseModel):
    text: list[str]


@app.post("/translate")
def translate(request: Texts) -> dict:
    found = signature(text=tf.constant(request.text))
    return {"text": [text.decode() for text in found["text"].numpy()]}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
