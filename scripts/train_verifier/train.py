"""One training run: rows in, the weights that judged families best that it was not trained on."""

import copy
import math
import time

import torch
import torch.nn.functional as F

from . import batches, encoder
from .figures import macro

RATE = 1.2e-4
# The head and what looks across are new, and learn faster.
RATE_OF_NEW = dict.fromkeys(encoder.HEAD, 1e-3) | dict.fromkeys(encoder.ACROSS, 5e-3) | {encoder.GATES: 1e-2}
# Each layer further from the head learns by so much less.
DECAY_BY_LAYER = 0.88
WEIGHT_DECAY = 0.01
WARM_UP = 0.06
# The average of the weights over the last steps is what is kept: it errs less than where the last step ended.
AVERAGE = 0.98
AVERAGE_EVERY = 10
# How far the weights go from where they began to where training led. What is left of the beginning costs little on what is like
# the training pairs and judges better what is not (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022): 0.85 lost 0.003 of
# the mean AUC on families that were not trained on, 0.7 lost 0.015.
KEPT = 0.85
# Labels of people are wrong now and then.
SMOOTHING = 0.02
LOOKS = 8


def device():
    return "cuda" if torch.cuda.is_available() else "cpu"


def rate_at(step, steps):
    if step < WARM_UP * steps:
        return step / (WARM_UP * steps)
    return 0.5 * (1 + math.cos(math.pi * (step - WARM_UP * steps) / ((1 - WARM_UP) * steps)))


def groups(model):
    for name, value in zip(model.names, model.held):
        if not value.requires_grad:
            continue
        decay = WEIGHT_DECAY if value.ndim > 1 else 0.0
        new = RATE_OF_NEW.get(name)
        rate = new or RATE * DECAY_BY_LAYER ** encoder.depth(name)
        yield {"params": [value], "lr": rate, "weight_decay": 0.0 if new else decay}


def score(model, rows, reader):
    """A logit for each row, in the direction that it stands in."""
    model.eval()
    scores = [0.0] * len(rows)
    with torch.inference_mode():
        for batch in batches.batches(rows, reader):
            on = batch.to(device())
            with torch.autocast(device(), torch.bfloat16):
                logits = model(on.ids, on.types, on.mask)
            for place, logit in zip(batch.at, logits.float().tolist()):
                scores[place] = logit
    return scores


def average(mean, model, times):
    """Moves the average on. It begins short, so that the first steps are soon forgotten."""
    keep = min(AVERAGE, times / (times + 5))
    with torch.no_grad():
        for old, new in zip(mean.held, model.held):
            if new.requires_grad:
                old.lerp_(new, 1 - keep)


def fit(rows, stop, reader, epochs, seed, say=print):
    """Trains on `rows`, looks at `stop` several times and gives the weights that did best there, the last ones if there is
    nothing to look at, with a part of those that it began with."""
    torch.manual_seed(seed)
    began_with = encoder.pretrained()
    model = encoder.Encoder(began_with).to(device())
    mean = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(list(groups(model)), betas=(0.9, 0.98), fused=True)
    rates = [group["lr"] for group in optimizer.param_groups]
    plan = [b for epoch in range(epochs) for b in batches.batches(rows, reader, seed=seed + epoch)]
    looks = {len(plan) * (i + 1) // LOOKS for i in range(LOOKS)}
    best, kept, began = 0.0, None, time.time()
    for step, batch in enumerate(plan, 1):
        for group, rate in zip(optimizer.param_groups, rates):
            group["lr"] = rate * rate_at(step, len(plan))
        model.train()
        batch = batch.to(device())
        with torch.autocast(device(), torch.bfloat16):
            logits = model(batch.ids, batch.types, batch.mask).float()
        target = batch.label * (1 - 2 * SMOOTHING) + SMOOTHING
        loss = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * batch.weight).sum() / batch.weight.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % AVERAGE_EVERY == 0:
            average(mean, model, step // AVERAGE_EVERY)
        if step in looks:
            good = macro(stop, score(mean, stop, reader))
            say(f"step {step}/{len(plan)}  {time.time() - began:.0f} s  loss {loss.item():.3f}  " + good.line())
            if good.mean >= best:
                best, kept = good.mean, mean.weights()
    return {name: torch.lerp(began_with[name], value.cpu(), KEPT) for name, value in kept.items()}
