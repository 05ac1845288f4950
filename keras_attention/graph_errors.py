"""What TensorFlow says of a failed graph, without the names of its nodes; anybody may
import this."""

import re

# "Graph execution error:\n\nDetected at node a/b defined at (most recent call last):"
# and a stack, of which nothing is known in an exported model.
_DETECTED = re.compile(
    r"\s*Graph execution error:\s*Detected at node .*?"
    r"\(most recent call last\):\s*<stack traces unavailable>\s*",
    re.DOTALL,
)
# "{{function_node __inference_f_1}} {{node a/b}}", and where an op was called from.
_NODE = re.compile(
    r"\s*(?:\[*\{\{(?:function_)?node [^}]*\}\}\]*|\[\[\S*\]\]|\[Op:[^\]]*\])\s*"
)
# Of "2 root error(s) found.", the first.
_ROOTS = re.compile(
    r"\s*\d+ root error\(s\) found\.\s*\(0\) [A-Z_]+: (.*?)\n\s*\(1\).*", re.DOTALL
)
_ASSERTION = re.compile(r"assertion failed: ((?:\[[^\[\]]*\] ?)+)")


def plain_message(text):
    """A message for people: what an assertion says, or an op, and no node.

    Args:
        text: str, as of `tf.errors.OpError.message`, or as a server sends it.

    Example:

    >>> plain_message("assertion failed: [at most 9; received] [12] [[{{node a/b}}]]")
    'at most 9; received 12'
    """
    found = _DETECTED.sub(" ", text)
    found = _ROOTS.sub(lambda match: match[1], found)
    found = _NODE.sub(" ", found)
    found = _ASSERTION.sub(lambda match: " ".join(_parts(match[1])), found)
    return " ".join(found.split()) if found != text else text


def _parts(listed):
    return re.findall(r"\[([^\[\]]*)\]", listed)
